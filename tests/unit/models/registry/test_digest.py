"""The digest of a model folder."""

import re
import subprocess
from pathlib import Path

import pytest

from configs.catalog import REPOSITORY, ModelEntry
from gitex.errors import SettingsError, WeightsMismatch
from models.registry.digest import weights_date, weights_digest
from models.registry.sources import checked_digest, resolve_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"\x00" * 1000)
    (tmp_path / "unet.json").write_text("{}")
    (tmp_path / "model_index.json").write_text("{}")
    return tmp_path


def test_has_a_stable_value(folder: Path) -> None:
    digest = weights_digest(folder)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    assert digest == "sha256:63558aa28ed3e593788cda86f345ea2efec52c0efcfa552c0457aff27d7f48e4"


def test_equals_what_a_shell_computes(folder: Path) -> None:
    command = re.search(r"find .*", weights_digest.__doc__ or "")
    assert command is not None
    out = subprocess.run(["bash", "-c", command[0]], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert weights_digest(folder) == f"sha256:{out.split()[0]}"


def test_changes_with_a_byte_a_name_and_a_place(folder: Path) -> None:
    seen = {weights_digest(folder)}
    (folder / "unet" / "model.safetensors").write_bytes(b"\x00" * 999 + b"\x01")
    seen.add(weights_digest(folder))
    (folder / "unet.json").rename(folder / "vae.json")
    seen.add(weights_digest(folder))
    (folder / "vae.json").rename(folder / "unet" / "vae.json")
    seen.add(weights_digest(folder))
    assert len(seen) == 4


def test_does_not_see_hidden_files(folder: Path) -> None:
    before = weights_digest(folder)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock").write_text("x")
    (folder / ".gitattributes").write_text("x")
    assert weights_digest(folder) == before


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        weights_digest(tmp_path)


def test_the_date_is_that_of_the_newest_weights(folder: Path) -> None:
    assert weights_date(folder) == int((folder / "unet" / "model.safetensors").stat().st_mtime)
    assert weights_date(folder / "nothing") == 0


def test_other_weights_than_the_catalog_names_are_refused(folder: Path) -> None:
    entry = ModelEntry(name="m", version=1, kind="diffusion", source=str(folder))
    digest = checked_digest(entry, folder)
    assert checked_digest(entry.model_copy(update={"digest": digest}), folder) == digest
    with pytest.raises(WeightsMismatch, match="m@1"):
        checked_digest(entry.model_copy(update={"digest": "sha256:" + "0" * 64}), folder)


def test_sources_are_absolute_or_relative_to_the_repository(folder: Path) -> None:
    assert resolve_source(str(folder)) == folder
    assert resolve_source("configs") == REPOSITORY / "configs"


@pytest.mark.parametrize("source", ["no/such/folder", "s3://bucket/model", "hf://only-a-name", "hf://a/b@"])
def test_a_source_that_cannot_be_is_refused(source: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        resolve_source(source)
    assert refusal.value.param == "source"
