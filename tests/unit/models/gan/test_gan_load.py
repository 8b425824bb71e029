"""From a folder to a GAN engine."""

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from configs.catalog import EngineOptions, ModelEntry
from gitex.errors import SettingsError, WeightsMismatch
from gitex.specs import GanSettings, ImageSpec
from models.gan.load import load_gan_engine
from models.gan.network import Generator, GeneratorConfig, load_generator, save_generator
from tests.unit.models.gan.tiny_gan import LABELS, SIDE, FakeClock, FakeRecorder, generator, make


def _entry(folder: Path, digest: str | None = None) -> ModelEntry:
    options = EngineOptions(device="cpu", threads=1)
    return ModelEntry(name="g", version=2, kind="gan", source=str(folder), digest=digest, engine=options)


def test_a_saved_generator_comes_back(tmp_path: Path) -> None:
    made = generator().half().float()
    save_generator(made, tmp_path)
    again = load_generator(tmp_path)
    latent, label, other = torch.ones(1, 8), torch.tensor([2]), torch.tensor([0])
    half = torch.tensor([0.5])
    assert again.config == made.config
    assert torch.equal(
        again.synthesise(again.mixed_style(latent, label, other, half, half)),
        made.synthesise(made.mixed_style(latent, label, other, half, half)),
    )


async def test_any_generator_of_the_class_runs(tmp_path: Path) -> None:
    """Another size, other labels, other widths: nothing of the starter model is built in."""
    torch.manual_seed(0)
    config = GeneratorConfig(("cat", "sleeping dog", "owl"), latent=5, style=12, widths=(10, 9, 8, 7, 6))
    save_generator(Generator(config), tmp_path)
    engine = load_gan_engine(_entry(tmp_path), FakeRecorder(), FakeClock())
    settings = GanSettings(mix_label="owl", mix_weight=0.25, end_seed=9, frames=3)
    output = await make(engine, ImageSpec(engine.info.variant, "a dog, sleeping", 128, 128, 1, settings))
    assert (output.media_type, output.width) == ("image/webp", 128)
    assert Image.open(io.BytesIO(output.content)).size == (128, 128)


def test_the_engine_says_what_it_is(tmp_path: Path) -> None:
    save_generator(generator(), tmp_path)
    info = load_gan_engine(_entry(tmp_path), FakeRecorder(), FakeClock()).info
    assert info.variant.id == "g@2"
    assert info.variant.weights_digest.startswith("sha256:")
    assert info.created > 0
    assert info.image is not None
    assert (info.image.default_width, info.image.max_side, info.image.labels) == (SIDE, SIDE, LABELS)


def test_other_weights_than_the_catalogs_are_refused(tmp_path: Path) -> None:
    save_generator(generator(), tmp_path)
    with pytest.raises(WeightsMismatch):
        load_gan_engine(_entry(tmp_path, "sha256:" + "0" * 64), FakeRecorder(), FakeClock())


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "Other"},
        {"labels": ["one"]},
        {"labels": ["one", "one", "two", "three"]},
        {"labels": []},
        {"colour": 3},
        {"widths": [16, 8, 4]},
        {"widths": []},
        {"widths": [16, 0]},
        {"latent": -1},
    ],
)
def test_a_folder_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    save_generator(generator(), tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SettingsError):
        load_generator(tmp_path)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    save_generator(generator(), tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(SettingsError):
        load_generator(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load_generator(tmp_path)
