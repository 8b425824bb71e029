"""`gitex cache warm`: have the service make what its templates are asked for, before it is asked for."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import httpx
import typer

from gitex.errors import GitexError, Overloaded
from serve_app.commands.client import ServiceClient
from serve_app.commands.counting import CountingView, counting_view
from serve_app.commands.refusals import refusal
from serve_app.commands.templates import all_templates, template_path
from serve_app.http.schemas.images import ImageResponse
from serve_app.http.schemas.templates import RenderingList

_TRIES = 5
# Behind everybody else: its own share of the device, and last within that. No bytes travel.
_MANNERS = {"warming": True, "response_format": "url", "user": "cache-warm", "priority": -10}


@dataclass(frozen=True)
class Job:
    """One rendering to have."""

    path: str
    body: dict[str, Any]
    uses: int


@dataclass
class Warmed:
    """What became of the jobs."""

    made: int = 0
    hit: int = 0
    failed: int = 0
    problem: str = ""
    """What the last failed one died of."""

    @property
    def done(self) -> int:
        """How many jobs are over."""
        return self.made + self.hit + self.failed

    def __str__(self) -> str:
        return f"made {self.made}, in the cache already {self.hit}, failed {self.failed}"


def warm_cache(
    client: ServiceClient,
    template: str | None,
    *,
    top: int,
    limit: int,
    concurrency: int,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Warmed:
    """Make at most `limit` renderings of one template, or of all. Says how far it came, also after Ctrl-C.

    Raises `KeyboardInterrupt` after Ctrl-C, when nothing runs any more, and what the service refuses before it begins.
    """
    jobs = _jobs(client, template, top, limit)
    warmed = Warmed()
    try:
        with counting_view(sys.stderr, len(jobs)) as view:
            asyncio.run(_Warming(client, warmed, view, pause).run(jobs, concurrency))
    finally:
        typer.echo(str(warmed))
        if warmed.problem:
            typer.echo(f"the last failure: {warmed.problem}", err=True)
    return warmed


def _jobs(client: ServiceClient, template: str | None, top: int, limit: int) -> list[Job]:
    """The most used first; of what nobody used yet, one of each template in turn."""
    names = [each.name for each in all_templates(client)] if template is None else [template]
    turns = zip_longest(*(_jobs_of(client, name, top, limit) for name in names))
    jobs = [job for job in chain.from_iterable(turns) if job is not None]
    return sorted(jobs, key=lambda job: -job.uses)[:limit]


def _jobs_of(client: ServiceClient, name: str, top: int, limit: int) -> list[Job]:
    query = {"top": top, "limit": limit}
    found = client.ask(RenderingList, "GET", template_path(name, "renderings"), params=query)
    path = template_path(name, "images")
    return [Job(path, {**each.settings, "values": each.values, **_MANNERS}, each.uses) for each in found.data]


class _Warming:
    """Runs jobs, some at once. One that fails is counted and does not stop the others."""

    def __init__(
        self, client: ServiceClient, warmed: Warmed, view: CountingView, pause: Callable[[float], Awaitable[None]]
    ) -> None:
        self._client = client
        self._warmed = warmed
        self._view = view
        self._pause = pause

    async def run(self, jobs: list[Job], concurrency: int) -> None:
        """Cancelling it closes the connections, so the service gives the work up."""
        waiting = iter(jobs)
        async with self._client.asynchronous() as http, asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(jobs))):
                group.create_task(self._work(http, waiting))

    async def _work(self, http: httpx.AsyncClient, waiting: Iterator[Job]) -> None:
        for job in waiting:
            try:
                cached = await self._patiently(http, job)
            except GitexError as problem:
                self._warmed.failed += 1
                self._warmed.problem = problem.message
            else:
                self._warmed.hit += cached
                self._warmed.made += not cached
            self._view.show(self._warmed.done, str(self._warmed))

    async def _patiently(self, http: httpx.AsyncClient, job: Job) -> bool:
        """Whether the picture was in the cache. A full queue is waited for, as it asks, a few times."""
        for _ in range(_TRIES - 1):
            try:
                return await self._once(http, job)
            except Overloaded as full:
                await self._pause(full.retry_after)
        return await self._once(http, job)

    async def _once(self, http: httpx.AsyncClient, job: Job) -> bool:
        with self._client.mapped():
            response = await http.post(self._client.url + job.path, json=job.body)
            if response.status_code != 200:
                raise refusal(response)
            answer = ImageResponse.model_validate_json(response.content)
        return all(picture.gitex.cache == "hit" for picture in answer.data)
