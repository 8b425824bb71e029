"""A `gitex.ports.PinTarget` over the Pinning Service API: Filecoin-backed and other services speak it."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import httpx

from gitex.errors import CidMismatch, InvalidInput, NotFound, SettingsError, Unavailable
from gitex.publishing import Content, PinState, PinStatus
from storage.ipfs.bounded_http import Patience, TryAgain, patiently
from storage.ipfs.cid import Cid
from storage.ipfs.pinning_api import URL_SETTING, PinningApi, PinRequest, Refused
from storage.ipfs.trustless_gateway import TrustlessGateway

log = logging.getLogger("gitex.pinning")

ORIGINS_SETTING = "GITEX_PINNING_ORIGINS"
_MAX_ORIGINS = 20
_MAX_NAME = 255
_BEST: Mapping[PinState, int] = {"pinned": 0, "pinning": 1, "queued": 2, "failed": 3}


class PinningService:
    """Pins by asking a service to fetch the content from the network.

    Its requests carry `meta` {"app": app}, by which it finds them again; others made with the same token are left
    alone. Deployments that share a token must differ in `app`, or one unpins what the other published.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        app: str = "gitex",
        origins: Sequence[str] = (),
        gateway_url: str = "",
        name: str = "pinning-service",
        follow_s: float = 5.0,
        poll_s: float = 0.5,
        page: int = 100,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`origins` are multiaddrs, ending in /p2p/…, from which the service can fetch; `follow_s` is how long `pin`
        waits for the end, looking every `poll_s`. Raise `SettingsError` that names what cannot be used.
        """
        self._patience = patience or Patience()
        self._api = PinningApi(url, token, try_s=self._patience.try_s, page=page, transport=transport)
        self._gateway = TrustlessGateway(gateway_url, patience=self._patience) if gateway_url else None
        self._name, self._meta, self._origins = name, {"app": app}, _checked_origins(origins)
        self._follow_s, self._poll_s = follow_s, poll_s
        self._delegates: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Short and unique among the targets."""
        return self._name

    @property
    def delegates(self) -> tuple[str, ...]:
        """Multiaddrs of the peers that the service named last: a node of ours should connect to them."""
        return self._delegates

    async def pin(self, content: Content) -> PinStatus:
        """Ask the service to keep the content, unless it was asked before; `failed` if it refuses.

        Other processes may do the same at the same time: in the end one request is left. Raise `CidMismatch`,
        `InsufficientFunds`, `SettingsError` (for the token or the address) and `Unavailable`.
        """
        try:
            request = await patiently(lambda: self._request(content), self._patience)
        except Refused as problem:
            return PinStatus("failed", reason=problem.message)
        return await self._followed(request)

    async def status(self, cid: str) -> PinStatus | None:
        """The state of the CID's best request; None if there is none of ours."""
        requests = await patiently(lambda: self._ours(Cid.parse(cid)), self._patience)
        best = min(requests, key=lambda request: (_BEST[request.status], request.age_key), default=None)
        return self._status(best) if best else None

    async def unpin(self, cid: str) -> None:
        """Let every request of ours for the CID go."""
        await patiently(lambda: self._let_go(Cid.parse(cid)), self._patience)

    async def block(self, cid: str) -> bytes:
        """One block, through the gateway: the Pinning Service API itself gives nothing back.

        Raise `Unavailable` without a gateway, `NotFound`, `CidMismatch`.
        """
        if self._gateway is None:
            message = f"{self._name} cannot be read back: its API has no call for that, and no gateway is set"
            raise Unavailable(message)
        return await self._gateway.block(cid)

    async def check(self) -> None:
        """Return if the service answers and takes the token; asked once. Raise `Unavailable`, `SettingsError`."""
        await patiently(self._api.ping, replace(self._patience, tries=1))

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()
        if self._gateway is not None:
            await self._gateway.close()

    async def _request(self, content: Content) -> PinRequest:
        """Find or make the one request. May be run again after any step: what was posted is found by the look-up."""
        cid = Cid.parse(content.cid)
        requests = await self._ours(cid)
        if all(request.status == "failed" for request in requests):
            posted = await self._post(content, min(requests, key=_age, default=None))
            # Somebody else may have posted since the first look. The service may not list ours yet.
            requests = [posted, *(one for one in await self._ours(cid) if one.requestid != posted.requestid)]
        kept, surplus = _sort_out(requests)
        for request in surplus:
            log.info("%s has more than one request for %s: removing %s", self._name, cid, request.requestid)
            await self._api.remove(request.requestid)
        return kept

    async def _post(self, content: Content, failed: PinRequest | None) -> PinRequest:
        body = self._pin_object(content)
        if failed is None:
            posted = await self._api.add(body)
        else:
            log.info("%s failed on %s: asking again", self._name, content.cid)
            try:
                posted = await self._api.replace(failed.requestid, body)
            except NotFound as problem:
                raise TryAgain(f"{self._name}: somebody else replaced the failed request") from problem
        self._note(posted)
        _check_same(posted, Cid.parse(content.cid))
        if not self._is_ours(posted):
            await self._api.remove(posted.requestid)
            message = "the pinning service does not keep `meta`, so that our requests could not be found again"
            raise SettingsError(f"{URL_SETTING} cannot be used: {message}", param=URL_SETTING)
        return posted

    def _pin_object(self, content: Content) -> dict[str, object]:
        body: dict[str, object] = {"cid": content.cid, "meta": self._meta | {"sha256": content.blob}}
        if content.name:
            body["name"] = content.name[:_MAX_NAME]
        if self._origins:
            body["origins"] = list(self._origins)
        return body

    async def _followed(self, request: PinRequest) -> PinStatus:
        """Its state at the end, or the last one seen when time is over."""
        cid = Cid.parse(request.pin.cid)
        try:
            async with asyncio.timeout(self._follow_s):
                while request.status in ("queued", "pinning"):
                    await asyncio.sleep(self._poll_s)
                    request = await self._api.get(request.requestid)
                    _check_same(request, cid)
        except (TimeoutError, TryAgain):
            log.debug("%s: %s is still %s", self._name, cid, request.status)
        except NotFound:
            # Another process tidied up and kept an older request, or unpinned.
            found = await self.status(str(cid))
            if found is None:
                raise Unavailable(f"{self._name}: the request for {cid} was removed meanwhile") from None
            return found
        return self._status(request)

    async def _let_go(self, cid: Cid) -> None:
        for request in await self._ours(cid):
            await self._api.remove(request.requestid)

    async def _ours(self, cid: Cid) -> list[PinRequest]:
        found = await self._api.find(str(cid), self._meta)
        for request in found:
            _check_same(request, cid)
        return [request for request in found if self._is_ours(request)]

    def _is_ours(self, request: PinRequest) -> bool:
        meta = request.pin.meta or {}
        return all(meta.get(key) == value for key, value in self._meta.items())

    def _note(self, request: PinRequest) -> None:
        delegates = tuple(dict.fromkeys(request.delegates))
        if delegates and delegates != self._delegates:
            self._delegates = delegates
            log.info("%s fetches through %s", self._name, self._api.said(", ".join(delegates)))

    def _status(self, request: PinRequest) -> PinStatus:
        if request.status != "failed":
            return PinStatus(request.status, request.requestid)
        told = (request.info or {}).get("status_details")
        reason = self._api.said(str(told)) if told else f"{self._name} does not say why"
        return PinStatus("failed", request.requestid, reason)


class _Sorted(NamedTuple):
    kept: PinRequest
    surplus: list[PinRequest]


def _age(request: PinRequest) -> tuple[object, str]:
    return request.age_key


def _sort_out(requests: Sequence[PinRequest]) -> _Sorted:
    """Keep the oldest that has not failed, as every other process does; what it has done already is never undone."""
    by_age = sorted(requests, key=lambda request: request.age_key)
    kept = next((request for request in by_age if request.status != "failed"), by_age[0])
    pinned = kept.status == "pinned"
    return _Sorted(kept, [one for one in by_age if one is not kept and (pinned or one.status in ("queued", "pinning"))])


def _check_same(request: PinRequest, wanted: Cid) -> None:
    """Raise `CidMismatch` if the request is for other content; any spelling of the CID will do."""
    try:
        same = Cid.parse(request.pin.cid).v1() == wanted.v1()
    except InvalidInput:
        same = False
    if not same:
        raise CidMismatch(f"the pinning service names {request.pin.cid[:100]!r} where {wanted} was asked for")


def _checked_origins(origins: Sequence[str]) -> tuple[str, ...]:
    unique = tuple(dict.fromkeys(origins))
    bad = [origin for origin in unique if not origin.startswith("/") or not origin.split("/p2p/")[-1].isalnum()]
    if bad or len(unique) > _MAX_ORIGINS:
        message = f"{bad[0]!r} does not end in /p2p/PEER" if bad else f"more than {_MAX_ORIGINS} addresses"
        raise SettingsError(f"{ORIGINS_SETTING} cannot be used: {message}", param=ORIGINS_SETTING)
    return unique
