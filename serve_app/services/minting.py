"""The use case of minting: order it, and see where it stands. The work is done downstream, from durable rows."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gitex.errors import AssetDeleted, AssetNotFound, NotFound, Unavailable
from gitex.minting import Mint
from gitex.ports import AssetStore, Mints, Publications
from serve_app.services.mint_orders import MintingSite, mint_order, on_chain


@dataclass(frozen=True)
class MintStanding:
    """A mint, with what only the chain can tell of it."""

    mint: Mint
    confirmations: int | None
    """How many blocks, its own included, stand on its transaction; 0 while none has it; None if no node answers."""
    transaction_url: str = ""
    """Page of its transaction at the chain's explorer; empty before there is one, and on chains without an explorer."""
    token_url: str = ""
    """Page of its token, from its first block on."""


@dataclass(frozen=True)
class Minting:
    """Every call raises `Unavailable` that names the setting if the chain or its contracts are not set up."""

    assets: AssetStore
    publications: Publications
    mints: Mints
    site: Callable[[], MintingSite]
    """Raises `Unavailable`."""
    height: Callable[[], Awaitable[int]]
    """Number of the chain's newest block. Raises `Unavailable`."""
    wake: Callable[[], object]
    """Tells the pinning and the minting actor that there is work; they would find it by themselves a little later."""

    async def request(
        self,
        asset_id: str,
        viewer: str | None,
        *,
        recipient: str,
        creator: str | None = None,
        royalty_bps: int = 0,
        idempotency_key: str = "",
    ) -> MintStanding:
        """Durable when this returns. The same order again is the same mint; one that failed is tried again.

        What is minted becomes public: the asset is published first if it was not. `creator` is the recipient if it is
        not told. Raises `AssetNotFound`, `AssetDeleted`, `InvalidInput` that names the field, and `Conflict` if the
        asset has another recipient's token, or the idempotency key another order.
        """
        site = self.site()
        asset = await self.assets.get(asset_id, viewer)
        on_chain(asset)
        order = mint_order(asset, site, recipient=recipient, creator=creator, royalty_bps=royalty_bps)
        # Before the mint: a publication that nobody mints harms nothing, a mint without one would wait for ever.
        await self.publications.request(asset.id, asset.cid)
        mint = await self.mints.request(order, idempotency_key=idempotency_key)
        self.wake()
        return await self._standing(mint, site)

    async def state(self, mint_id: str, viewer: str | None) -> MintStanding:
        """Raises `NotFound`, also for a mint of an asset that the viewer may not see."""
        site = self.site()
        mint = await self.mints.get(mint_id)
        try:
            await self.assets.get(mint.order.asset_id, viewer)
        except AssetDeleted:
            pass  # its token stays
        except AssetNotFound:
            raise NotFound(f"there is no mint {mint_id!r}", param="id") from None
        return await self._standing(mint, site)

    async def _standing(self, mint: Mint, site: MintingSite) -> MintStanding:
        if mint.order.chain_id != site.chain.chain_id:
            # From before the settings named another chain: nobody to ask.
            return MintStanding(mint, None)
        explorer, order = site.chain.explorer, mint.order
        transaction = f"{explorer}/tx/{mint.transaction}" if explorer and mint.transaction else ""
        minted = explorer and mint.state in ("mined", "final")
        token = f"{explorer}/token/{order.contract}/{order.token_id}" if minted else ""
        return MintStanding(mint, await self._confirmations(mint), transaction, token)

    async def _confirmations(self, mint: Mint) -> int | None:
        if mint.block_number is None:
            return 0
        try:
            # Of several nodes behind one address, one may not have the block yet.
            return max(0, await self.height() - mint.block_number + 1)
        except Unavailable:
            return None
