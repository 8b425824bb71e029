"""A process that asks once for a picture, with a real Redis and real stores; only its model is a fake.

    python -m tests.fakes.generating_process REDIS_URL FOLDER NAME

Each run of the model adds its process's name to FOLDER/runs and ends when FOLDER/go exists. Prints `asset id, cache`.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from gitex.events import ImageEvent
from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from serve_app.services.cluster_flight import ClusterFlights
from serve_app.services.generation import Generated, Generation
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from tests.fakes.models import FakeImageModel
from tests.fakes.redis_side import Side, eventually
from tests.fakes.stores import MemoryRecorder

LEASE_SECONDS = 1.5


class CountedModel(FakeImageModel):
    """Leaves a trace of each run, and waits for the test."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        self.folder = folder
        self.name = name

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        with (self.folder / "runs").open("a") as runs:
            runs.write(f"{self.name}\n")
        await eventually(self._may_end, seconds=60)
        async for event in super().generate(spec, context):
            yield event

    async def _may_end(self) -> bool:
        return (self.folder / "go").exists()


async def main(url: str, folder: Path, name: str) -> None:
    side, recorder = Side(url, lease_s=LEASE_SECONDS), MemoryRecorder()
    database = f"sqlite+aiosqlite:///{folder}/gitex.db"
    store = await SqlAssetStore.open(database, LocalBlobStore(folder / "blobs"))
    generation = Generation(store, side.cache, recorder, ClusterFlights(side.flights, recorder))
    model = CountedModel(folder, name)
    spec = ImageSpec(model.info.variant, "a star", 64, 64, 7, DiffusionSettings(2, 2.0, "ddim"))
    async for event in generation.run(model, spec, RunContext("req_1")):
        if isinstance(event, Generated):
            print(event.asset.id, event.cache, flush=True)
    await generation.close()
    await side.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
