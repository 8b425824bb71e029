"""All durable state of a process: the database, the blobs, and what stands on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from configs.settings import Settings
from gitex.ports import BlobStore, PinTarget, Recorder
from storage.assets import SqlAssetStore
from storage.blob_stores import open_blobs
from storage.credits import SqlCreditLedger
from storage.database import open_database
from storage.healing_blobs import HealingBlobStore
from storage.ipfs.embedded import EmbeddedNode
from storage.ipfs.kubo import KuboNode
from storage.ipfs.pinning_service import PinningService
from storage.mint_outbox import SqlMintOutbox
from storage.mints import SqlMints
from storage.publications import SqlPublications
from storage.refetch import Refetch


@dataclass(frozen=True)
class State:
    """One process's view of the state, which all processes share."""

    database: AsyncEngine
    blobs: BlobStore
    assets: SqlAssetStore
    publications: SqlPublications
    mints: SqlMints
    outbox: SqlMintOutbox
    credits: SqlCreditLedger
    targets: Sequence[PinTarget]
    """The embedded node first."""

    async def close(self) -> None:
        """Close every connection."""
        for target in self.targets:
            if isinstance(target, KuboNode | PinningService):
                await target.close()
        await self.database.dispose()


async def open_state(settings: Settings, recorder: Recorder) -> State:
    """Open what the settings name, its schema the newest. Raises `SettingsError` and `Unavailable`.

    Pin targets need not be there.
    """
    database = await open_database(settings.database_url)
    blobs = open_blobs(settings.blob_url, settings.data_dir / "blobs")
    remote = _remote_targets(settings, blobs)
    healing = HealingBlobStore(blobs, Refetch(database, remote), recorder)
    return State(
        database=database,
        blobs=healing,
        assets=SqlAssetStore(database, healing),
        publications=SqlPublications(database),
        mints=SqlMints(database),
        outbox=SqlMintOutbox(database),
        credits=SqlCreditLedger(database),
        targets=(EmbeddedNode(database, healing), *remote),
    )


def _remote_targets(settings: Settings, blobs: BlobStore) -> list[PinTarget]:
    targets: list[PinTarget] = []
    if settings.ipfs_api is not None:
        targets.append(KuboNode(settings.ipfs_api, blobs))
    if settings.pinning_url is not None and settings.pinning_token is not None:
        targets.append(
            PinningService(
                settings.pinning_url,
                settings.pinning_token.get_secret_value(),
                origins=settings.pinning_origins,
                gateway_url=settings.pinning_gateway_url or "",
            )
        )
    return targets
