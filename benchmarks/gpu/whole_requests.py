"""The peer under traffic: whole-request batching, formed when the device is free, which is kinder than a timer."""

import asyncio
from dataclasses import dataclass, field

import torch
from diffusers import DiffusionPipeline


@dataclass(frozen=True)
class Job:
    """What a pipeline call takes once, and the seed."""

    prompt: str
    steps: int
    guidance: float
    side: int
    seed: int


def run_jobs(pipeline: DiffusionPipeline, jobs: list[Job]) -> None:
    """One pipeline call; all jobs have the same steps, guidance and side."""
    pipeline(
        [job.prompt for job in jobs],
        num_inference_steps=jobs[0].steps,
        guidance_scale=jobs[0].guidance,
        width=jobs[0].side,
        height=jobs[0].side,
        generator=[torch.Generator().manual_seed(job.seed) for job in jobs],
    )


@dataclass
class WholeRequests:
    """When the device is free, the oldest job runs with the others that have its steps, up to `max_batch`."""

    pipeline: DiffusionPipeline
    max_batch: int
    _waiting: list[tuple[Job, "asyncio.Future[None]"]] = field(default_factory=list)
    _worker: "asyncio.Task[None] | None" = None

    async def run(self, job: Job) -> None:
        """Returns when the job's picture is made."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        await done

    async def _work(self) -> None:
        while self._waiting:
            steps = self._waiting[0][0].steps
            batch = [entry for entry in self._waiting if entry[0].steps == steps][: self.max_batch]
            self._waiting = [entry for entry in self._waiting if entry not in batch]
            await asyncio.to_thread(run_jobs, self.pipeline, [job for job, _ in batch])
            for _, done in batch:
                done.set_result(None)
