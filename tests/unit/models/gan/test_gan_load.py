"""From a folder to a GAN engine."""

import json
from pathlib import Path

import pytest
import torch

from configs.catalog import EngineOptions, ModelEntry
from gitex.errors import SettingsError, WeightsMismatch
from models.gan.load import load_gan_engine
from models.gan.network import load_generator, save_generator
from tests.unit.models.gan.tiny_gan import LABELS, SIDE, FakeClock, FakeRecorder, generator


def _entry(folder: Path, digest: str | None = None) -> ModelEntry:
    options = EngineOptions(device="cpu", threads=1)
    return ModelEntry(name="g", version=2, kind="gan", source=str(folder), digest=digest, engine=options)


def test_a_saved_generator_comes_back(tmp_path: Path) -> None:
    made = generator().half().float()
    save_generator(made, tmp_path)
    again = load_generator(tmp_path)
    latent, label, truncation = torch.ones(1, 8), torch.tensor([2]), torch.tensor([0.5])
    assert again.config == made.config
    assert torch.equal(again(latent, label, truncation), made(latent, label, truncation))


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
    "change", [{"architecture": "Other"}, {"labels": ["one"]}, {"colour": 3}, {"widths": [16, 8, 4]}]
)
def test_a_folder_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    save_generator(generator(), tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SettingsError):
        load_generator(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load_generator(tmp_path)
