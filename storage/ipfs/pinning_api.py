"""The calls of the IPFS Pinning Service API 1.0.0 (github.com/ipfs/pinning-services-api-spec), typed."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Annotated, TypeVar
from urllib.parse import quote

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gitex.errors import InsufficientFunds, NotFound, SettingsError, Unavailable
from gitex.publishing import PinState
from storage.ipfs.bounded_http import Answer, BoundedHttp, TryAgain

URL_SETTING = "GITEX_PINNING_URL"
TOKEN_SETTING = "GITEX_PINNING_TOKEN"
ALL_STATES = "queued,pinning,pinned,failed"
"""Must be named: a listing that names no state shows only what is pinned."""

_MAX_BYTES = 4 * 2**20
_MAX_PAGES = 50
M = TypeVar("M", bound=BaseModel)


class Refused(Unavailable):
    """The service will not do it, and says why. Asking again the same way does not help."""


def _moment(text: str) -> str:
    if datetime.fromisoformat(text.upper()).tzinfo is None:
        raise ValueError("a time without an offset")
    return text


def _segment(text: str) -> str:
    if not text.strip("."):
        raise ValueError("cannot stand in a path")
    return text


class _Answered(BaseModel):
    # Lenient where real services differ from the document: unknown fields, no delegates, `info` of any kind.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class PinObject(_Answered):
    """What a request asks to pin."""

    cid: str
    meta: dict[str, object] | None = None


class PinRequest(_Answered):
    """One request at the service. A CID may have several."""

    requestid: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_segment)]
    status: PinState
    created: Annotated[str, AfterValidator(_moment)]
    pin: PinObject
    delegates: list[str] = []
    info: dict[str, object] | None = None

    @cached_property
    def age_key(self) -> tuple[datetime, str]:
        """Sorts the oldest first, the same way for everybody."""
        return datetime.fromisoformat(self.created.upper()), self.requestid


class _Listing(_Answered):
    count: Annotated[int, Field(ge=0)]
    results: list[PinRequest]


class _Problem(_Answered):
    reason: str
    details: str = ""


class _Failure(_Answered):
    error: _Problem


class PinningApi:
    """Single calls, each tried once. All raise `TryAgain`, `InsufficientFunds`, `SettingsError` and `Refused`."""

    def __init__(
        self, url: str, token: str, *, try_s: float, page: int, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Raise `SettingsError` if the URL or the token cannot be used. The token is not shown."""
        # An HTTP client puts a header that it cannot send into its error message.
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise SettingsError(f"{TOKEN_SETTING} must be printable ASCII without spaces", param=TOKEN_SETTING)
        self._page = page
        self._http = BoundedHttp(
            url,
            place="the pinning service",
            setting=URL_SETTING,
            try_s=try_s,
            max_bytes=_MAX_BYTES,
            secret=token,
            headers={"authorization": f"Bearer {token}", "accept": "application/json"},
            transport=transport,
        )

    async def find(self, cid: str, meta: Mapping[str, str]) -> list[PinRequest]:
        """Every request for that CID with that meta, in whatever state."""
        found: dict[str, PinRequest] = {}
        query = {"cid": cid, "status": ALL_STATES, "meta": json.dumps(meta), "limit": str(self._page)}
        for _ in range(_MAX_PAGES):
            page = await self._list(query)
            fresh = [request for request in page.results if request.requestid not in found]
            found |= {request.requestid: request for request in fresh}
            if page.count <= len(page.results) or not fresh:
                return list(found.values())
            query["before"] = min(page.results, key=lambda request: request.age_key).created
        raise TryAgain("the pinning service's listing does not end")

    async def ping(self) -> None:
        """Return if the service answers and takes the token."""
        await self._list({"limit": "1"})

    async def add(self, pin: Mapping[str, object]) -> PinRequest:
        """Make a request. Not idempotent: a second call makes a second request."""
        return self._parsed(PinRequest, await self._call("POST", "/pins", body=pin))

    async def replace(self, requestid: str, pin: Mapping[str, object]) -> PinRequest:
        """Make a request in the place of another one. Raise `NotFound` if that is gone."""
        return self._parsed(PinRequest, await self._call("POST", _path(requestid), body=pin))

    async def get(self, requestid: str) -> PinRequest:
        """One request. Raise `NotFound`."""
        return self._parsed(PinRequest, await self._call("GET", _path(requestid)))

    async def remove(self, requestid: str) -> None:
        """Let a request go; no error if it is gone."""
        try:
            await self._call("DELETE", _path(requestid))
        except NotFound:
            return

    def said(self, text: str) -> str:
        """What the service told us, fit for a log and an error message."""
        return self._http.said(text)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _list(self, query: Mapping[str, str]) -> _Listing:
        try:
            return self._parsed(_Listing, await self._call("GET", "/pins", query=query))
        except NotFound as problem:
            message = f"{URL_SETTING} is not the address of a pinning service: it has no /pins there"
            raise SettingsError(message, param=URL_SETTING) from problem

    async def _call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None
    ) -> Answer:
        answer = await self._http.exchange(method, path, params=query, json=body)
        if 200 <= answer.status < 300:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> Exception:
        """The error for an answer that says no and will say so again."""
        told = f"status {answer.status}{self._reason(answer.body)}"
        if answer.status in (401, 403):
            return SettingsError(f"the pinning service does not accept {TOKEN_SETTING}: {told}", param=TOKEN_SETTING)
        if answer.status == 404:
            return NotFound(f"the pinning service does not know it: {told}")
        if answer.status == 409:
            return InsufficientFunds(f"the pinning service is out of funds: {told}")
        return Refused(f"the pinning service refuses: {told}")

    def _reason(self, body: bytes) -> str:
        try:
            problem = _Failure.model_validate_json(body).error
        except ValidationError:
            return ""
        return ", " + self.said(f"{problem.reason}: {problem.details}" if problem.details else problem.reason)

    def _parsed(self, kind: type[M], answer: Answer) -> M:
        try:
            return kind.model_validate_json(answer.body)
        except ValidationError as problem:
            first = problem.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            told = self.said(f"{where} {first['msg']}".strip())
            raise TryAgain(f"the pinning service's answer cannot be read: {told}") from problem


def _path(requestid: str) -> str:
    return f"/pins/{quote(requestid, safe='')}"
