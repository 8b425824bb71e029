"""Adapters over one base: equal to diffusers', shared weights, nothing left behind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, EulerDiscreteScheduler
from numpy.typing import NDArray

from configs.catalog import AdapterEntry
from gitex.errors import InvalidInput, SettingsError, WeightsMismatch
from gitex.ports import ImageEngine
from gitex.specs import Adapter
from models.diffusion.adapter_switch import AdapterSwitch
from models.diffusion.adapters import load_adapters
from models.diffusion.load import load_diffusion_engine
from models.diffusion.pipelines import load_pipeline
from models.registry.digest import weights_digest
from tests.fakes.stores import MemoryRecorder
from tests.unit.models.diffusion.making import Case
from tests.unit.models.diffusion.test_parity import RealClock, entry_of, picture_of
from tests.unit.models.diffusion.tiny_lora import save_tiny_lora
from tests.unit.models.diffusion.tiny_pipeline_flux import save_tiny_flux

# The peer's side; ours expects several adapters and says nothing.
pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")


class Base(NamedTuple):
    folder: Path
    adapters: dict[str, Path]
    """Of these, `ink` changes the text encoder too."""
    sampler: str

    @property
    def entries(self) -> dict[str, AdapterEntry]:
        return {name: AdapterEntry(source=str(folder)) for name, folder in self.adapters.items()}


@pytest.fixture(scope="module", params=["unet", "flux"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    root = tmp_path_factory.mktemp("lora")
    unet = request.param == "unet"
    folder = request.getfixturevalue("kl_folder") if unet else save_tiny_flux(root / "base")
    ink = save_tiny_lora(folder, root / "ink", seed=1, text=True)
    wash = save_tiny_lora(folder, root / "wash", seed=5, rank=2)
    return Base(folder, {"ink": ink, "wash": wash}, "euler" if unet else "flow_euler")


@pytest.fixture(scope="module")
def engine(base: Base) -> Iterator[ImageEngine]:
    engine = load_diffusion_engine(entry_of(base.folder, adapters=base.entries), MemoryRecorder(), RealClock())
    yield engine
    asyncio.run(engine.close())


def case_of(base: Base, seed: int = 0, **weights: float) -> Case:
    adapters = tuple(Adapter(name, weights_digest(base.adapters[name]), weight) for name, weight in weights.items())
    return Case("blue circle", guidance=4.0, sampler=base.sampler, seed=seed, adapters=adapters)


def theirs_of(base: Base, case: Case) -> NDArray[np.int64]:
    """By a fresh pipeline with these adapters and no others."""
    pipeline: Any = DiffusionPipeline.from_pretrained(base.folder)
    pipeline.set_progress_bar_config(disable=True)
    if base.sampler == "euler":
        pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    for adapter in case.adapters:
        pipeline.load_lora_weights(base.adapters[adapter.name], adapter_name=adapter.name)
    if case.adapters:
        pipeline.set_adapters([a.name for a in case.adapters], [a.weight for a in case.adapters])
    picture = pipeline(
        case.prompt,
        num_inference_steps=case.steps,
        guidance_scale=case.guidance,
        width=32,
        height=32,
        generator=torch.Generator().manual_seed(case.seed),
    ).images[0]
    return np.asarray(picture).astype(np.int64)


CHOICES: list[dict[str, float]] = [{"ink": 1.0}, {"wash": 0.5}, {}, {"ink": 0.7, "wash": 0.4}, {"wash": -1.0}]


async def test_every_choice_of_adapters_equals_diffusers_own_in_any_order(engine: ImageEngine, base: Base) -> None:
    cases = [case_of(base, **weights) for weights in CHOICES]
    theirs = [theirs_of(base, case) for case in cases]
    plain = theirs[CHOICES.index({})]
    for case, wanted in [*zip(cases, theirs, strict=True), *zip(cases[::-1], theirs[::-1], strict=True)]:
        ours = await picture_of(engine, case)
        assert np.abs(ours - wanted).max() <= 1, case.adapters
        assert not case.adapters or np.abs(ours - plain).max() > 3, f"{case.adapters} do not show"


async def test_requests_without_adapters_are_untouched_by_those_with(engine: ImageEngine, base: Base) -> None:
    before = await picture_of(engine, case_of(base, seed=3))
    await picture_of(engine, case_of(base, ink=1.0, wash=1.0))
    assert (await picture_of(engine, case_of(base, seed=3)) == before).all()


async def test_mixed_requests_equal_their_solo_results(engine: ImageEngine, base: Base) -> None:
    cases = [case_of(base, seed, **weights) for seed in range(2) for weights in CHOICES]
    solo = [await picture_of(engine, case) for case in cases]
    together = await asyncio.gather(*(picture_of(engine, case) for case in cases))
    for ours, alone in zip(together, solo, strict=True):
        assert np.abs(ours - alone).max() <= 1


def test_adapters_share_the_base_s_weights_and_are_never_merged(base: Base) -> None:
    pipeline = load_pipeline(base.folder, torch.device("cpu"), torch.float32)
    name = "unet" if "unet" in pipeline.components else "transformer"
    network = pipeline.components[name]
    places = {key: parameter.data_ptr() for key, parameter in network.named_parameters()}
    values = {key: parameter.clone() for key, parameter in network.named_parameters()}
    load_adapters(pipeline, base.entries)
    switch = AdapterSwitch(pipeline)
    for adapters in [(("ink", 1.0),), (), (("ink", 0.5), ("wash", 0.5))]:
        switch.use(adapters)
        now = {key.replace(".base_layer", ""): parameter for key, parameter in network.named_parameters()}
        assert {key: now[key].data_ptr() for key in places} == places
        assert all(torch.equal(now[key], value) for key, value in values.items())
        assert {key for key in now if key not in places} == {key for key in now if "lora_" in key} != set()
    assert not any(module.training for module in network.modules())


def test_the_engine_names_its_adapters_and_their_digests(engine: ImageEngine, base: Base) -> None:
    assert engine.info.image is not None
    assert engine.info.image.adapters == tuple((name, weights_digest(f)) for name, f in base.adapters.items())


async def test_an_adapter_that_is_not_loaded_is_refused(engine: ImageEngine, base: Base) -> None:
    for adapter in (Adapter("oil", "sha256:" + "0" * 64), Adapter("ink", "sha256:" + "0" * 64)):
        with pytest.raises(InvalidInput, match="not loaded"):
            await picture_of(engine, Case(sampler=base.sampler, adapters=(adapter,)))


@pytest.fixture
def unet_pipeline(kl_folder: Path) -> Any:
    return load_pipeline(kl_folder, torch.device("cpu"), torch.float32)


def test_other_weights_than_the_catalog_s_are_refused(unet_pipeline: Any, kl_folder: Path, tmp_path: Path) -> None:
    folder = save_tiny_lora(kl_folder, tmp_path / "ink", seed=1)
    with pytest.raises(WeightsMismatch):
        load_adapters(unet_pipeline, {"ink": AdapterEntry(source=str(folder), digest="sha256:" + "0" * 64)})


def test_an_adapter_of_another_model_is_refused(unet_pipeline: Any, tmp_path: Path) -> None:
    other = save_tiny_lora(save_tiny_flux(tmp_path / "flux"), tmp_path / "ink", seed=1)
    with pytest.raises(SettingsError, match="ink"):
        load_adapters(unet_pipeline, {"ink": AdapterEntry(source=str(other))})


def test_only_one_safetensors_file_is_loaded(unet_pipeline: Any, kl_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pickle").mkdir()
    (tmp_path / "pickle" / "pytorch_lora_weights.bin").write_bytes(b"a pickle, say")
    two = save_tiny_lora(kl_folder, tmp_path / "two", seed=1)
    for name in ("a", "b"):
        (two / f"{name}.safetensors").write_bytes((two / "pytorch_lora_weights.safetensors").read_bytes())
    load_adapters(unet_pipeline, {"usual": AdapterEntry(source=str(two))})
    (two / "pytorch_lora_weights.safetensors").unlink()
    for folder in (tmp_path / "pickle", two):
        with pytest.raises(SettingsError, match="exactly one"):
            load_adapters(unet_pipeline, {"ink": AdapterEntry(source=str(folder))})
