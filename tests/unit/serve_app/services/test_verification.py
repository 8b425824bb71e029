import asyncio
import hashlib
import io
import math
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gitex.assets import Asset
from gitex.errors import AssetNotFound, DeadlineExceeded, ModelNotFound, WeightsMismatch
from gitex.ports import RunContext
from gitex.specs import Adapter, DiffusionSettings, ImageSpec, SourceImage, StyleImage
from gitex.variants import Variant
from serve_app.services.generation import Generated, Generation
from serve_app.services.models import ModelDirectory
from serve_app.services.picture_difference import psnr_db
from serve_app.services.verification import PASSING_PSNR_DB, Difference, Verdict, Verification
from tests.fakes.models import ADAPTERS, EXECUTION, FakeImageModel
from tests.fakes.stores import MemoryAssets, MemoryCache, MemoryRecorder
from tests.unit.serve_app.pictures import encoded, gradient

SETTINGS = DiffusionSettings(2, 2.0, "ddim")


class Bench:
    """A stored asset, and the use case that verifies it."""

    def __init__(self) -> None:
        self.model = FakeImageModel()
        self.assets = MemoryAssets()
        self.cache = MemoryCache()
        self.verification = Verification(ModelDirectory((self.model,), ()), self.assets)

    async def make(
        self, settings: DiffusionSettings = SETTINGS, variant: Variant | None = None, **pictures: bytes
    ) -> Asset:
        spec = ImageSpec(variant or self.model.info.variant, "a star", 64, 64, 7, settings)
        generation = Generation(self.assets, self.cache, MemoryRecorder())
        contents = {await self.assets.keep(content): content for content in pictures.values()}
        events = generation.run(self.model, spec, RunContext("made", pictures=contents))
        made = [event async for event in events][-1]
        assert isinstance(made, Generated)
        return made.asset

    async def verify(self, asset: Asset, context: RunContext | None = None) -> Verdict:
        return await self.verification.verify(asset.id, context or RunContext("verify"))


async def test_a_strict_asset_on_the_same_execution_is_compared_by_its_digest() -> None:
    bench = Bench()
    asset = await bench.make(replace(SETTINGS, strict=True))
    verdict = await bench.verify(asset)
    assert (verdict.method, verdict.passed, verdict.identical, verdict.psnr_db) == ("sha256", True, True, None)
    assert verdict.sha256_expected == verdict.sha256_actual == asset.sha256
    assert verdict.execution_then == verdict.execution_now == replace(EXECUTION, strict=True)
    assert verdict.differences == ()


async def test_one_level_off_fails_a_strict_asset_and_passes_any_other() -> None:
    bench = Bench()
    strict, loose = await bench.make(replace(SETTINGS, strict=True)), await bench.make()
    bench.model.shift = 1
    failed, passed = await bench.verify(strict), await bench.verify(loose)
    assert (failed.method, failed.passed, failed.identical) == ("sha256", False, False)
    assert (passed.method, passed.passed, passed.identical) == ("psnr", True, False)
    assert passed.sha256_actual != passed.sha256_expected
    # Two of three channels are one level off.
    assert failed.psnr_db == passed.psnr_db == pytest.approx(10 * math.log10(255**2 / (2 / 3)))


async def test_a_picture_below_the_threshold_fails() -> None:
    bench = Bench()
    asset = await bench.make()
    bench.model.shift = 4
    verdict = await bench.verify(asset)
    assert verdict.psnr_db is not None
    assert verdict.psnr_db < PASSING_PSNR_DB
    assert not verdict.passed


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"device": "cuda: other"}, Difference("device", "cpu: fake", "cuda: other")),
        ({"dtype": "bfloat16"}, Difference("dtype", "float32", "bfloat16")),
        (
            {"versions": ("torch 2.14.0", "diffusers 0.42.1")},
            Difference("versions", "torch 2.13.0", "torch 2.14.0"),
        ),
    ],
    ids=["device", "dtype", "versions"],
)
async def test_a_strict_asset_on_another_execution_is_compared_by_its_pixels(
    change: dict, difference: Difference
) -> None:
    bench = Bench()
    asset = await bench.make(replace(SETTINGS, strict=True))
    bench.model.execution, bench.model.shift = replace(EXECUTION, **change), 1
    verdict = await bench.verify(asset)
    assert (verdict.method, verdict.passed) == ("psnr", True)
    assert verdict.differences == (difference,)


async def test_an_asset_from_before_executions_were_recorded_is_compared_by_its_pixels() -> None:
    bench = Bench()
    bench.model.execution = None
    asset = await bench.make(replace(SETTINGS, strict=True))
    bench.model.execution = EXECUTION
    verdict = await bench.verify(asset)
    assert (verdict.method, verdict.passed, verdict.identical) == ("psnr", True, True)
    assert verdict.execution_then is None


async def test_nothing_is_read_from_the_cache_and_nothing_stored() -> None:
    bench = Bench()
    asset = await bench.make()
    assets, contents, entries = dict(bench.assets.assets), dict(bench.assets.contents), dict(bench.cache.entries)
    await bench.verify(asset)
    assert len(bench.model.started) == 2
    assert bench.model.started[1] == bench.model.started[0]
    assert (bench.assets.assets, bench.assets.contents, bench.cache.entries) == (assets, contents, entries)


async def test_the_pictures_that_the_spec_names_are_brought_again() -> None:
    bench = Bench()
    one = gradient(64, 64)
    source, mask, style = encoded(one), encoded(one.convert("L")), encoded(one.rotate(90))
    names = [hashlib.sha256(content).hexdigest() for content in (source, mask, style)]
    settings = replace(SETTINGS, source=SourceImage(names[0], 0.5, names[1]), style=StyleImage(names[2]))
    asset = await bench.make(settings, source=source, mask=mask, style=style)
    assert (await bench.verify(asset)).passed
    assert dict(bench.model.contexts[-1].pictures) == dict(zip(names, (source, mask, style), strict=True))
    del bench.assets.pictures[names[1]]
    with pytest.raises(AssetNotFound, match=names[1]):
        await bench.verify(asset)


async def test_a_variant_that_is_not_served_is_not_found() -> None:
    bench = Bench()
    asset = await bench.make(variant=Variant("painter", 9, "sha256:" + "0" * 64))
    with pytest.raises(ModelNotFound, match="painter@9"):
        await bench.verify(asset)
    assert len(bench.model.started) == 1


async def test_other_weights_are_a_mismatch() -> None:
    bench = Bench()
    asset = await bench.make(variant=replace(bench.model.info.variant, weights_digest="sha256:" + "f" * 64))
    with pytest.raises(WeightsMismatch, match="f" * 64):
        await bench.verify(asset)
    assert len(bench.model.started) == 1


async def test_adapters_must_be_the_same_too() -> None:
    bench = Bench()
    good = await bench.make(replace(SETTINGS, adapters=(Adapter(*ADAPTERS[0], 0.5),)))
    assert (await bench.verify(good)).passed
    for adapter in (Adapter("glow", "sha256:" + "f" * 64), Adapter("gone", ADAPTERS[0][1])):
        asset = await bench.make(replace(SETTINGS, adapters=(adapter,)))
        with pytest.raises(WeightsMismatch, match=adapter.name):
            await bench.verify(asset)


async def test_an_unknown_asset_is_not_found() -> None:
    with pytest.raises(AssetNotFound):
        await Bench().verification.verify("ast_none", RunContext("verify"))


async def test_a_deadline_ends_it_and_frees_the_engine() -> None:
    bench = Bench()
    asset = await bench.make()
    bench.model.gate = asyncio.Event()
    with pytest.raises(DeadlineExceeded):
        await bench.verify(asset, RunContext("verify", deadline=time.time() + 0.05))
    assert bench.model.cancelled == 1


def test_psnr_is_the_formula_and_sees_every_frame() -> None:
    one = gradient(32, 32)
    off = Image.fromarray((np.asarray(one).astype(np.int32) // 2 * 2 + 1).astype(np.uint8))
    even = Image.fromarray((np.asarray(one).astype(np.int32) // 2 * 2).astype(np.uint8))
    assert psnr_db(encoded(even), encoded(off)) == pytest.approx(20 * math.log10(255))
    assert psnr_db(encoded(one), encoded(one)) == math.inf
    assert psnr_db(encoded(one), encoded(one.resize((16, 16)))) == 0.0
    moving, other = _animation(one, off), _animation(one, one.rotate(180))
    assert psnr_db(moving, moving) == math.inf
    assert psnr_db(moving, other) < 30
    assert psnr_db(moving, encoded(one)) == 0.0


def _animation(*frames: Image.Image) -> bytes:
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return file.getvalue()
