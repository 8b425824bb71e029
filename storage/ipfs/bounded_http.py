"""HTTP to a place outside: bounded in time, bytes and tries, every failure in our own words, its secret never told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import httpx

from gitex.errors import SettingsError, Unavailable

T = TypeVar("T")

_HTTPX_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)
_BUSY = frozenset({408, 425, 429})
_MAX_CONNECTIONS = 16
_MAX_SAID = 300


@dataclass(frozen=True)
class Patience:
    """How long a place is waited for. All times in seconds."""

    try_s: float = 10.0
    """One exchange, from connecting to the last byte: a place that drips bytes does not stretch it."""
    budget_s: float = 30.0
    """One operation with all its tries and the waits between them."""
    tries: int = 5
    first_wait_s: float = 0.25
    """Before the second try; each further wait is twice as long, or what `Retry-After` says if that is longer."""


class TryAgain(Exception):
    """This try brought nothing, another one may. Never leaves the room: see `patiently`."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes


async def patiently(operation: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """Try until it works. Raise `Unavailable` when the tries or the budget are spent.

    `operation` is tried as a whole, so it must bear being run again after any of its steps.
    """
    problem = TryAgain(f"no answer within {patience.budget_s:g} s")
    try:
        async with asyncio.timeout(patience.budget_s) as budget:
            for attempt in range(patience.tries):
                if attempt:
                    await _wait(max(problem.after_s, patience.first_wait_s * 2 ** (attempt - 1)), budget)
                try:
                    return await operation()
                except TryAgain as failed:
                    problem = failed
    except TimeoutError:
        pass  # `problem` tells what the last finished try met.
    raise Unavailable(str(problem)) from problem


async def _wait(seconds: float, budget: asyncio.Timeout) -> None:
    until = budget.when()
    if until is not None and asyncio.get_running_loop().time() + seconds > until:
        raise TimeoutError  # Waiting longer than there is time left would help nobody.
    await asyncio.sleep(seconds)


class BoundedHttp:
    """One place. `place` is its name in error messages, `secret` what no message may contain."""

    def __init__(
        self,
        url: str,
        *,
        place: str,
        setting: str,
        try_s: float,
        max_bytes: int,
        secret: str = "",
        headers: Mapping[str, str] | None = None,
        max_redirects: int = 0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raise `SettingsError` that names `setting` if the URL cannot be used."""
        self._url = _checked_url(url, setting)
        self._place, self._try_s, self._max_bytes, self._secret = place, try_s, max_bytes, secret
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=try_s,
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS),
            follow_redirects=max_redirects > 0,
            max_redirects=max(1, max_redirects),
            transport=transport,
        )

    async def exchange(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, json: object = None
    ) -> Answer:
        """Send one request. Raise `TryAgain` if no usable answer came, or one that says to come back later."""
        try:
            async with asyncio.timeout(self._try_s):
                response = await self._read(method, path, params, json)
        except TimeoutError as problem:
            raise TryAgain(f"{self._place} does not answer within {self._try_s:g} s") from problem
        except _HTTPX_ERRORS as problem:
            told = self.said(f"{type(problem).__name__} {problem}".strip())
            # Not chained: the library's own text may hold what we sent, and a traceback would show it.
            raise TryAgain(f"{self._place} cannot be reached: {told}") from None
        if response.status_code in _BUSY or response.status_code >= 500:
            told = f"{self._place} answers with status {response.status_code}"
            raise TryAgain(told, _seconds(response.headers.get("retry-after", "")))
        return Answer(response.status_code, response.content)

    def said(self, text: str) -> str:
        """What the place told us, fit for a log and an error message."""
        clean = text.replace(self._secret, "***") if self._secret else text
        clean = " ".join("".join(letter if letter.isprintable() else " " for letter in clean).split())
        return clean if len(clean) <= _MAX_SAID else clean[:_MAX_SAID] + "…"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _read(self, method: str, path: str, params: Mapping[str, str] | None, json: object) -> httpx.Response:
        request = self._client.build_request(method, self._url + path, params=params, json=json)
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._max_bytes:
                    raise TryAgain(f"{self._place} answers with more than {self._max_bytes} bytes")
        finally:
            await response.aclose()
        headers = {"retry-after": response.headers.get("retry-after", "")}
        return httpx.Response(response.status_code, headers=headers, content=bytes(body))


def _checked_url(url: str, setting: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as problem:
        raise SettingsError(f"{setting} is not an http:// or https:// address", param=setting) from problem
    if not usable:
        raise SettingsError(f"{setting} is not an http:// or https:// address", param=setting)
    if parts.username is not None:
        raise SettingsError(
            f"{setting} holds a user name: addresses are logged, so no secret may be in it", param=setting
        )
    return url.rstrip("/")


def _seconds(retry_after: str) -> float:
    """The header's seconds; a date or anything else counts as none."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
