"""Deployments and their clients on a real cluster, with an engine that does as the test says."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from ray import serve
from ray.serve import Application

from deployments.clients import DeployedImageModel
from gitex.errors import InvalidInput, Overloaded, Unavailable
from gitex.events import Finished, ImageEvent, Step
from gitex.ports import RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from gitex.variants import Variant
from tests.fakes.models import image_info
from tests.fakes.scripted_replica import OUTPUT, Scripted

VARIANT = Variant("painter", 1, "sha256:" + "0" * 64)


@pytest.fixture
def model(base_url: str) -> Iterator[DeployedImageModel]:
    bound: Application = serve.deployment(Scripted, name="scripted", ray_actor_options={"num_cpus": 0.1}).bind()
    handle = serve.run(bound, name="scripted", route_prefix="/scripted")
    yield DeployedImageModel(handle, image_info())
    serve.delete("scripted")


def spec(prompt: str) -> ImageSpec:
    return ImageSpec(VARIANT, prompt, 64, 64, 1, DiffusionSettings(2, 1.0, "ddim"))


async def events(model: DeployedImageModel, prompt: str) -> list[ImageEvent]:
    stream: AsyncIterator[ImageEvent] = model.generate(spec(prompt), RunContext("req"))
    return [event async for event in stream]


async def test_events_come_through_and_errors_arrive_as_themselves(model: DeployedImageModel) -> None:
    assert await events(model, "draw") == [Step(1, 2), Finished(OUTPUT)]
    with pytest.raises(InvalidInput) as refused:
        await events(model, "refuse")
    assert refused.value.param == "prompt"
    with pytest.raises(Overloaded) as full:
        await events(model, "full")
    assert full.value.retry_after == 7.0


async def test_closing_the_stream_cancels_the_replicas_generator(model: DeployedImageModel) -> None:
    stream = model.generate(spec("hang"), RunContext("req"))
    assert await anext(stream) == Step(1, 2)
    await stream.aclose()
    for _ in range(100):
        if await model.handle.count.remote() == 1:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the replica still works for nobody")


async def test_a_dead_replicas_work_is_done_again_once(model: DeployedImageModel, tmp_path: Path) -> None:
    assert Finished(OUTPUT) in await events(model, str(tmp_path / "died"))


async def test_a_deployment_that_is_gone_is_unavailable(model: DeployedImageModel) -> None:
    serve.delete("scripted")
    with pytest.raises(Unavailable):
        await events(model, "draw")
