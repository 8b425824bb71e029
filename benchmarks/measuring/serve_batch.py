"""The usual way on Ray Serve: `@serve.batch` in front of a diffusers pipeline."""

import asyncio
from pathlib import Path

import torch
from ray import serve

from benchmarks.measuring.peers import DiffusersPeer, alike
from gitex.specs import ImageSpec


class WholeRequestBatching:
    """Waiting requests form a batch; those of a batch that one pipeline call can take run together, to their end."""

    def __init__(self, folder: str, max_batch: int, threads: int) -> None:
        torch.set_num_threads(threads)
        self._peer = DiffusersPeer(Path(folder), torch.device("cpu"), torch.float32)
        self._max_batch = max_batch
        self._run_batch.set_max_batch_size(max_batch)

    async def run(self, spec: ImageSpec) -> None:
        """Answers when the spec's whole batch is done."""
        await self._run_batch(spec)

    @serve.batch(  # type: ignore[untyped-decorator]
        max_batch_size=4, batch_wait_timeout_s=0.01, max_concurrent_batches=1
    )
    async def _run_batch(self, specs: list[ImageSpec]) -> list[None]:
        for group in alike(specs, self._max_batch):
            await asyncio.to_thread(self._peer.run, group)
        return [None] * len(specs)


PEER = serve.deployment(WholeRequestBatching).options(max_ongoing_requests=1024, ray_actor_options={"num_cpus": 0.1})
