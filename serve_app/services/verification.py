"""The use case of verification: run an asset's spec again and compare what comes out with what is stored."""

import asyncio
import hashlib
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from gitex.assets import Asset
from gitex.errors import EngineFailure, WeightsMismatch
from gitex.events import Execution, Finished, ImageEvent, ImageOutput
from gitex.ports import AssetStore, ImageModel, RunContext
from gitex.specs import DiffusionSettings, ImageSpec
from serve_app.services.deadline import until
from serve_app.services.models import ModelDirectory
from serve_app.services.picture_difference import psnr_db

PASSING_PSNR_DB = 40.0
"""Where bytes cannot be equal, as on other hardware or in another batch: pixels this near are the same picture.

40 dB is a root mean square error of 2.55 levels of 255; one level in every value, the most that rounding in another
batch may do, is 48 dB.
"""


@dataclass(frozen=True)
class Difference:
    """Something about the execution that is not as it was."""

    field: Literal["strict", "device", "dtype", "versions"]
    then: str
    now: str


@dataclass(frozen=True)
class Verdict:
    """What running the spec again showed."""

    asset_id: str
    method: Literal["sha256", "psnr"]
    passed: bool
    sha256_expected: str
    sha256_actual: str
    psnr_db: float | None
    """None when all pixels are equal."""
    execution_then: Execution | None
    execution_now: Execution | None
    differences: tuple[Difference, ...]

    @property
    def identical(self) -> bool:
        """Whether all pixels are equal."""
        return self.psnr_db is None


class Verification:
    """Runs stored specs again. Nothing is cached or stored of it."""

    def __init__(self, models: ModelDirectory, store: AssetStore) -> None:
        self._models = models
        self._store = store

    async def verify(self, asset_id: str, context: RunContext) -> Verdict:
        """Compare SHA-256 where the asset was made in strict mode and runs again just so, else the pixels' PSNR.

        Raises `AssetNotFound` for an asset that the tenant may not see or a picture that its spec names,
        `ModelNotFound` and `WeightsMismatch` if not the very same weights are served, and what
        `ImageModel.generate` raises.
        """
        asset = await self._store.get(asset_id, context.tenant)
        model = self._models.serving(asset.spec.variant)
        _check_adapters(asset.spec, model)
        content = await self._store.content(asset)
        pictures = {sha256: await self._store.kept(sha256) for sha256 in _pictures_of(asset.spec)}
        output = await _run(model, asset.spec, replace(context, pictures=pictures))
        # Decoding both pictures takes milliseconds that the event loop does not have.
        decibels = await asyncio.to_thread(psnr_db, content, output.content)
        return _verdict(asset, output, decibels)


def _verdict(asset: Asset, output: ImageOutput, decibels: float) -> Verdict:
    differences = _differences(asset.execution, output.execution)
    exact = asset.execution is not None and asset.execution.strict and asset.execution == output.execution
    actual = hashlib.sha256(output.content).hexdigest()
    return Verdict(
        asset_id=asset.id,
        method="sha256" if exact else "psnr",
        passed=actual == asset.sha256 if exact else decibels >= PASSING_PSNR_DB,
        sha256_expected=asset.sha256,
        sha256_actual=actual,
        psnr_db=None if math.isinf(decibels) else decibels,
        execution_then=asset.execution,
        execution_now=output.execution,
        differences=differences,
    )


async def _run(model: ImageModel, spec: ImageSpec, context: RunContext) -> ImageOutput:
    events: AsyncGenerator[ImageEvent, None] = model.generate(spec, context)
    if context.deadline is not None:
        events = until(context.deadline, events)
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Finished):
                return event.output
    raise EngineFailure("the engine ended without a picture")


def _check_adapters(spec: ImageSpec, model: ImageModel) -> None:
    if not isinstance(spec.settings, DiffusionSettings) or model.info.image is None:
        return
    served = dict(model.info.image.adapters)
    for adapter in spec.settings.adapters:
        if served.get(adapter.name) != adapter.weights_digest:
            found = served.get(adapter.name, "none of that name")
            raise WeightsMismatch(
                f"the asset was made with adapter {adapter.name!r} of {adapter.weights_digest}; served is {found}"
            )


def _pictures_of(spec: ImageSpec) -> set[str]:
    if not isinstance(spec.settings, DiffusionSettings):
        return set()
    source, style = spec.settings.source, spec.settings.style
    named = {source.sha256, source.mask} if source is not None else set()
    return (named | ({style.sha256} if style is not None else set())) - {""}


def _differences(then: Execution | None, now: Execution | None) -> tuple[Difference, ...]:
    if then is None or now is None:
        return ()
    found = [
        Difference("strict", str(then.strict).lower(), str(now.strict).lower()),
        Difference("device", then.device, now.device),
        Difference("dtype", then.dtype, now.dtype),
        Difference("versions", _without(then.versions, now.versions), _without(now.versions, then.versions)),
    ]
    return tuple(difference for difference in found if difference.then != difference.now)


def _without(versions: tuple[str, ...], others: tuple[str, ...]) -> str:
    return ", ".join(version for version in versions if version not in others)
