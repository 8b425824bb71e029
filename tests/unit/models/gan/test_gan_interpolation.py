"""Interpolations between seeds, over a tiny generator."""

import asyncio
import io
import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from gitex import metrics
from gitex.events import ImageOutput
from models.gan.engine import FRAME_MILLISECONDS, Drawn
from models.gan.frames import Frame, frames_of, latent_of, slerp
from tests.unit.models.gan.tiny_gan import SIDE, FakeRecorder, engine, generator, make, spec

torch.set_num_threads(1)


def _frames(output: ImageOutput) -> list[NDArray[np.uint8]]:
    with Image.open(io.BytesIO(output.content)) as moving:
        frames = []
        for i in range(moving.n_frames):
            moving.seek(i)
            frames.append(np.asarray(moving.convert("RGB")))
        return frames


async def test_an_interpolation_is_an_animated_webp_from_one_seed_to_the_other() -> None:
    made = engine()
    output = await make(made, spec(seed=3, end_seed=4, frames=12))
    assert (output.media_type, output.width, output.height) == ("image/webp", SIDE, SIDE)
    frames = _frames(output)
    assert len(frames) == 12
    for frame, seed in ((frames[0], 3), (frames[-1], 4)):
        still = np.asarray(Image.open(io.BytesIO((await make(made, spec(seed=seed))).content)), int)
        assert np.abs(frame - still).max() <= 1
    steps = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(frames)]
    assert max(steps) < np.abs(frames[0].astype(int) - frames[-1]).mean()


async def test_an_interpolation_repeats_for_ever_and_has_the_same_bytes_each_time() -> None:
    wanted = spec(seed=3, end_seed=4, frames=5)
    first, second = [(await make(engine(), wanted)).content for _ in range(2)]
    assert first == second
    with Image.open(io.BytesIO(first)) as moving:
        moving.seek(1)
        moving.load()
        assert (moving.info["loop"], moving.info["duration"]) == (0, FRAME_MILLISECONDS)


async def test_an_interpolation_takes_truncation_and_mixing() -> None:
    made = engine()
    plain, less, mixed = [
        (await make(made, spec(seed=3, end_seed=4, frames=3, **more))).content
        for more in ({}, {"truncation": 0.5}, {"mix_label": "ring", "mix_weight": 0.5})
    ]
    assert len({plain, less, mixed}) == 3


async def test_frames_wait_for_their_turn_a_batch_at_a_time() -> None:
    """At most `max_batch` of a request's rows are under way, so a still picture never waits for a whole animation."""
    recorder = FakeRecorder()
    made = engine(recorder=recorder)
    under_way, most, free = 0, 0, asyncio.Event()

    async def draw(frame: Frame) -> Drawn:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 8:
            free.set()
        await free.wait()
        under_way -= 1
        return made.run_batch([frame])[0]

    output = await made.generate(spec(end_seed=1, frames=20), draw)
    assert (most, len(_frames(output))) == (8, 20)
    assert recorder.counts == {metrics.IMAGES.name: 1}


def test_latents_go_along_the_great_circle() -> None:
    config = generator().config
    latents = [latent_of(frame, 2000) for frame in frames_of(spec(seed=3, end_seed=4, frames=5), config)]
    torch.testing.assert_close(latents[0], torch.randn(1, 2000, generator=torch.Generator().manual_seed(3)))
    torch.testing.assert_close(latents[-1], torch.randn(1, 2000, generator=torch.Generator().manual_seed(4)))
    norms = torch.cat(latents).norm(dim=1)
    assert norms.max() / norms.min() < 1.05
    angles = [torch.cosine_similarity(a, b).acos().item() for a, b in itertools.pairwise(latents)]
    assert max(angles) == pytest.approx(min(angles), abs=0.02)


def test_between_parallel_latents_lies_the_straight_line() -> None:
    start = torch.tensor([[1.0, 2.0]])
    torch.testing.assert_close(slerp(start, 2 * start, 0.5), 1.5 * start)
    torch.testing.assert_close(slerp(start, start, 0.3), start)
