"""Blocks from a trustless gateway (specs.ipfs.tech/http-gateways/trustless-gateway): we check what it gives."""

import httpx

from gitex.errors import NotFound, Unavailable
from storage.ipfs.bounded_http import BoundedHttp, Patience, TryAgain, patiently
from storage.ipfs.cid import Cid

MAX_BLOCK = 2 * 2**20
"""Bytes: what peers of the network exchange at most. Our own blocks have 256 KiB and a little."""
_GONE = (404, 410)
_MAX_REDIRECTS = 3
"""Public gateways send `/ipfs/CID` on to a host of that CID's own."""


class TrustlessGateway:
    """Reads single blocks. It gets no credential, so that it may send us on to anywhere."""

    def __init__(
        self,
        url: str,
        *,
        setting: str = "GITEX_PINNING_GATEWAY_URL",
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raise `SettingsError` that names `setting` if the URL cannot be used."""
        self._patience = patience or Patience()
        self._http = BoundedHttp(
            url,
            place="the gateway",
            setting=setting,
            try_s=self._patience.try_s,
            max_bytes=MAX_BLOCK,
            headers={"accept": "application/vnd.ipld.raw"},
            max_redirects=_MAX_REDIRECTS,
            transport=transport,
        )

    async def block(self, cid: str) -> bytes:
        """One block, checked by its hash. Raise `NotFound`, `CidMismatch`, `Unavailable`, `InvalidInput`."""
        wanted = Cid.parse(cid)
        content = await patiently(lambda: self._fetch(wanted), self._patience)
        wanted.check(content)
        return content

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _fetch(self, cid: Cid) -> bytes:
        status, body = await self._http.exchange("GET", f"/ipfs/{cid}", params={"format": "raw"})
        if status in _GONE:
            raise NotFound(f"the gateway does not have {cid}")
        if status == 204 or status < 200:
            raise TryAgain(f"the gateway answers with status {status}")
        if status >= 300:
            raise Unavailable(f"the gateway refuses {cid} with status {status}")
        return body
