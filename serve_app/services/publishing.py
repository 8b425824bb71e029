"""The use case of publishing: ask for it, and see where it stands. The work is done downstream, from durable rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gitex.ports import AssetStore, Publications
from gitex.publishing import Pin, Publication


@dataclass(frozen=True)
class Published:
    """A publication with what each target says of it."""

    publication: Publication
    pins: Sequence[Pin]


@dataclass(frozen=True)
class Publishing:
    """Both calls raise `AssetNotFound` for an asset that the viewer may not see, and `AssetDeleted`."""

    assets: AssetStore
    publications: Publications
    wake: Callable[[], object]
    """Tells the pinning actor that there is work; it would find it by itself a little later."""
    quorum: int
    """How many targets must have an asset before it counts as published."""

    async def request(self, asset_id: str, viewer: str | None) -> Published:
        """Durable when this returns; doing it again changes nothing, but tries one that failed again."""
        asset = await self.assets.get(asset_id, viewer)
        await self.publications.request(asset.id, asset.cid)
        self.wake()
        return await self.state(asset_id, viewer)

    async def state(self, asset_id: str, viewer: str | None) -> Published:
        """Raises `AssetNotFound` as well if nobody asked for it to be published."""
        await self.assets.get(asset_id, viewer)
        return Published(await self.publications.get(asset_id), await self.publications.pins(asset_id))
