"""A pinning service over real HTTP that follows the published API, with its awkward parts and with bad days."""

import asyncio
import contextlib
import json
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.http_server import serve
from tests.fakes.pinning_faults import Fault, Handler, go_wrong
from tests.fakes.pinning_schemas import FAILURE, PIN, PIN_RESULTS, PIN_STATUS, QUERY, problems

DELEGATE = "/ip4/203.0.113.1/tcp/4001/p2p/QmServicePeer"


@dataclass
class Entry:
    """One pin request as the service keeps it."""

    requestid: str
    created: datetime
    pin: dict[str, Any]
    status: str = "queued"
    info: dict[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"requestid": self.requestid, "status": self.status, "created": _text(self.created)}
        shown |= {"pin": self.pin, "delegates": [DELEGATE]}
        return shown | ({"info": self.info} if self.info else {})


@dataclass
class FakePinningService:
    """State and switches. Made by `pinning_service`, which sets `url`."""

    token: str = "s3cret-token"
    url: str = ""
    funds: int = 1000
    """How many requests may still be made; then 409."""
    plan: tuple[str, ...] = ()
    """States that a request goes through, one each time that it is looked at."""
    latency_s: tuple[float, ...] = (0.0,)
    """How long answers take, in turn."""
    keeps_meta: bool = True
    filters_meta: bool = True
    entries: dict[str, Entry] = field(default_factory=dict)
    blocks: dict[str, bytes] = field(default_factory=dict)
    """What the gateway has."""
    faults: deque[Fault] = field(default_factory=deque)
    calls: list[str] = field(default_factory=list)
    """Method and path of every request, with its query."""
    gateway_headers: list[dict[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """Requests and answers that broke the published schemas."""
    called: threading.Condition = field(default_factory=threading.Condition)

    async def until_called(self, start: str) -> None:
        """Return once a call that begins so came in; at most 10 seconds."""
        await asyncio.to_thread(self._wait_for, start)

    def reset(self) -> None:
        """Be as new, at the same address."""
        self.__dict__.update(vars(FakePinningService(url=self.url)))

    def add(self, cid: str, status: str = "pinned", **meta: str) -> Entry:
        """Put a request there, as if it had been made before."""
        return self._made({"cid": cid, "meta": meta}, status)

    def settle(self, status: str, details: str = "") -> None:
        """Bring every request that is still under way to that state."""
        for entry in self.entries.values():
            if entry.status in ("queued", "pinning"):
                entry.status, entry.info = status, {"status_details": details} if details else {}

    def posts(self) -> int:
        """How many requests to pin or replace came in."""
        return sum(call.startswith("POST ") for call in self.calls)

    def _made(self, pin: dict[str, Any], status: str = "queued") -> Entry:
        newest = max((entry.created for entry in self.entries.values()), default=datetime(2026, 1, 1, tzinfo=UTC))
        kept = pin if self.keeps_meta else {key: value for key, value in pin.items() if key != "meta"}
        # Paging goes by time, so no two requests may have the same one.
        entry = Entry(uuid.uuid4().hex, newest + timedelta(milliseconds=1), kept, status)
        self.entries[entry.requestid] = entry
        return entry

    async def list_pins(self, request: Request) -> Response:
        query = _query(request)
        broken = problems(QUERY, query) if isinstance(query, dict) else [query]
        if isinstance(query, str) or broken:
            self.wrong += broken
            return self._failure(400, "BAD_REQUEST", "; ".join(broken))
        if not self.filters_meta:
            query.pop("meta", None)
        found = [entry for entry in self.entries.values() if _matches(entry, query)]
        found.sort(key=lambda entry: entry.created, reverse=True)
        shown = [self._looked_at(entry).shown() for entry in found[: query.get("limit", 10)]]
        return self._answer(PIN_RESULTS, {"count": len(found), "results": shown})

    async def add_pin(self, request: Request) -> Response:
        pin = await self._body(request)
        if isinstance(pin, Response):
            return pin
        return self._answer(PIN_STATUS, self._made(pin).shown(), 202)

    async def replace_pin(self, request: Request) -> Response:
        pin = await self._body(request)
        if isinstance(pin, Response):
            return pin
        if self.entries.pop(request.path_params["requestid"], None) is None:
            return self._failure(404, "NOT_FOUND", "no such request")
        return self._answer(PIN_STATUS, self._made(pin).shown(), 202)

    async def get_pin(self, request: Request) -> Response:
        entry = self.entries.get(request.path_params["requestid"])
        if entry is None:
            return self._failure(404, "NOT_FOUND", "no such request")
        return self._answer(PIN_STATUS, self._looked_at(entry).shown())

    async def delete_pin(self, request: Request) -> Response:
        gone = self.entries.pop(request.path_params["requestid"], None)
        return Response(status_code=202) if gone else self._failure(404, "NOT_FOUND", "no such request")

    async def gateway(self, request: Request) -> Response:
        self.gateway_headers.append(dict(request.headers))
        block = self.blocks.get(request.path_params["cid"])
        if block is None or request.query_params.get("format") != "raw":
            return Response("not here", 404)
        return Response(block, media_type="application/vnd.ipld.raw")

    async def _body(self, request: Request) -> dict[str, Any] | Response:
        pin = json.loads(await request.body())
        if broken := problems(PIN, pin):
            self.wrong += broken
            return self._failure(400, "BAD_REQUEST", "; ".join(broken))
        if self.funds <= 0:
            return self._failure(409, "INSUFFICIENT_FUNDS", "Unable to process request due to the lack of funds")
        self.funds -= 1
        return dict(pin)

    def _looked_at(self, entry: Entry) -> Entry:
        if entry.status in ("queued", "pinning") and self.plan:
            entry.status, self.plan = self.plan[0], self.plan[1:]
        return entry

    def _answer(self, schema: dict[str, Any], body: dict[str, Any], status: int = 200) -> Response:
        self.wrong += problems(schema, body)
        return JSONResponse(body, status)

    def _failure(self, status: int, reason: str, details: str) -> Response:
        return self._answer(FAILURE, {"error": {"reason": reason, "details": details}}, status)

    def app(self) -> Starlette:
        """The routes, each behind the bad days."""
        pairs = {
            "/pins": {"GET": self.list_pins, "POST": self.add_pin},
            "/pins/{requestid}": {"GET": self.get_pin, "POST": self.replace_pin, "DELETE": self.delete_pin},
            "/ipfs/{cid}": {"GET": self.gateway},
        }
        return Starlette(
            routes=[
                Route(path, self._guarded(handler), methods=[method])
                for path, handlers in pairs.items()
                for method, handler in handlers.items()
            ]
        )

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            self._note(f"{request.method} {request.url.path}?{request.url.query}")
            await asyncio.sleep(self.latency_s[len(self.calls) % len(self.latency_s)])
            authorised = request.headers.get("authorization") == f"Bearer {self.token}"
            if not authorised and not request.url.path.startswith("/ipfs/"):
                return self._failure(401, "UNAUTHORIZED", "Access token is missing or invalid")
            fault = self._fault(request.method)
            return await handler(request) if fault is None else await go_wrong(fault, request, handler)

        return answer

    def _wait_for(self, start: str) -> None:
        with self.called:
            assert self.called.wait_for(lambda: any(call.startswith(start) for call in self.calls), 10)

    def _note(self, call: str) -> None:
        with self.called:
            self.calls.append(call)
            self.called.notify_all()

    def _fault(self, method: str) -> Fault | None:
        fault = next((fault for fault in self.faults if method in fault.methods and fault.times != 0), None)
        if fault is not None:
            fault.times -= 1
        return fault


@contextlib.contextmanager
def pinning_service() -> Iterator[FakePinningService]:
    """A running service on a free loopback port."""
    service = FakePinningService()
    with serve(service.app()) as url:
        service.url = url
        yield service


def _query(request: Request) -> dict[str, Any] | str:
    query: dict[str, Any] = dict(request.query_params)
    for name in ("cid", "status"):
        if name in query:
            query[name] = query[name].split(",")
    try:
        if "limit" in query:
            query["limit"] = int(query["limit"])
        if "meta" in query:
            query["meta"] = json.loads(query["meta"])
    except ValueError as problem:
        return str(problem)
    return query


def _matches(entry: Entry, query: dict[str, Any]) -> bool:
    meta = entry.pin.get("meta", {})
    return (
        entry.status in query.get("status", ["pinned"])
        and entry.pin["cid"] in query.get("cid", [entry.pin["cid"]])
        and ("name" not in query or _named(entry.pin.get("name", ""), query["name"], query.get("match", "exact")))
        and ("before" not in query or entry.created < datetime.fromisoformat(query["before"]))
        and ("after" not in query or entry.created > datetime.fromisoformat(query["after"]))
        and all(meta.get(key) == value for key, value in query.get("meta", {}).items())
    )


def _named(name: str, wanted: str, match: str) -> bool:
    if match.startswith("i"):
        name, wanted = name.lower(), wanted.lower()
    return wanted in name if match.endswith("partial") else name == wanted


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
