"""The use case of vouchers: a mint that the service signs, and that the creator's own wallet sends and pays for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gitex.assets import Asset
from gitex.errors import Conflict, InvalidInput, Unavailable
from gitex.minting import MintJob, MintOrder
from gitex.ports import AssetStore, Mints, Publications
from gitex.publishing import Publication
from gitex.vouchers import Voucher
from serve_app.services.mint_orders import MintingSite, mint_order, on_chain
from storage.ipfs.cid import Cid

MAX_PRICE = 2**256 - 1
"""In wei: what the contract can say."""
SHORTEST_SECONDS, LONGEST_SECONDS = 60, 30 * 24 * 3600
"""How long a voucher may be good."""
PATIENCE = timedelta(seconds=10)
"""For the publication, which takes a second or two where the targets are well."""
LOOK_SECONDS = 0.2


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Vouchers:
    """Raises `Unavailable` that names the setting if the chain or its contracts are not set up."""

    assets: AssetStore
    publications: Publications
    mints: Mints
    site: Callable[[], MintingSite]
    """Raises `Unavailable`."""
    is_minted: Callable[[bytes], Awaitable[bool]]
    """Whether the asset with that SHA-256 has its token, by whomever. Raises `Unavailable`."""
    sign: Callable[[MintJob, int, datetime], Awaitable[Voucher]]
    """With a price in wei and a deadline. Raises `Unavailable`."""
    wake: Callable[[], object]
    """Tells the pinning actor that there is work."""
    now: Callable[[], datetime] = _utc_now
    """Aware, UTC."""
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def issue(
        self,
        asset_id: str,
        viewer: str | None,
        *,
        creator: str,
        recipient: str | None,
        royalty_bps: int,
        price: int,
        valid_for_s: int,
        deadline: float | None = None,
    ) -> Voucher:
        """A voucher that `creator` alone may redeem; the token goes to `recipient`, or else to the creator.

        What is minted becomes public: the asset is published first, and that is waited for, ten seconds and until
        `deadline` (Unix seconds) at the longest. Raises `AssetNotFound`, `AssetDeleted`, `InvalidInput` that names the
        field, `Conflict` if the asset is minted or being minted, and `Unavailable`.
        """
        site = self.site()
        asset = await self.assets.get(asset_id, viewer)
        kept = on_chain(asset)
        order = mint_order(asset, site, recipient=recipient, creator=creator, royalty_bps=royalty_bps)
        _check_terms(price, valid_for_s)
        await self._check_unminted(order)
        document = Cid.parse((await self._published(asset, deadline)).metadata_cid).v1()
        job = MintJob(
            mint_id="",
            order=order,
            metadata_codec=bytes(document)[1],  # after the CID's version
            metadata_digest=document.digest,
            model_digest=kept.model_digest,
            prompt=kept.prompt,
            alone=True,
        )
        return await self.sign(job, price, self.now() + timedelta(seconds=valid_for_s))

    async def _check_unminted(self, order: MintOrder) -> None:
        mint = await self.mints.of_asset(order.asset_sha256, order.chain_id, order.contract)
        if mint is not None and mint.state != "failed":
            raise Conflict(f"asset {order.asset_id!r} has its mint: {mint.id} is {mint.state}", param="asset_id")
        if await self.is_minted(bytes.fromhex(order.asset_sha256)):
            raise Conflict(f"asset {order.asset_id!r} has its token already", param="asset_id")

    async def _published(self, asset: Asset, deadline: float | None) -> Publication:
        give_up = self.now() + PATIENCE
        if deadline is not None:
            give_up = min(give_up, datetime.fromtimestamp(deadline, UTC))
        await self.publications.request(asset.id, asset.cid)
        self.wake()
        while (publication := await self.publications.get(asset.id)).state != "published":
            told = f"{publication.state}: {publication.reason}" if publication.reason else publication.state
            if publication.state in ("failed", "withdrawn"):
                raise Unavailable(f"asset {asset.id!r} cannot be published, which a voucher needs ({told})")
            if self.now() >= give_up:
                raise Unavailable(f"asset {asset.id!r} is not published yet ({told}): ask again in a moment")
            await self.pause(LOOK_SECONDS)
        return publication


def _check_terms(price: int, valid_for_s: int) -> None:
    if not 0 <= price <= MAX_PRICE:
        raise InvalidInput("a price is a number of wei of at most 256 bits", param="price_wei")
    if not SHORTEST_SECONDS <= valid_for_s <= LONGEST_SECONDS:
        raise InvalidInput(
            f"a voucher is good for {SHORTEST_SECONDS} to {LONGEST_SECONDS} seconds", param="valid_for_s"
        )
