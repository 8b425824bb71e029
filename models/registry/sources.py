"""Where weights come from: a folder, or a repository of the Hugging Face Hub. Only safetensors, never pickles."""

import re
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from configs.catalog import REPOSITORY, ModelEntry
from gitex.errors import SettingsError, Unavailable, WeightsMismatch
from models.registry.digest import weights_digest

_HUB = re.compile(r"hf://(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_WANTED = ("*.safetensors", "*.json", "*.txt", "*.model")
_UNWANTED = ("*.fp16.*", "*non_ema*", "*.msgpack.*", "onnx/*", "openvino/*")


def resolve_source(source: str, *, safety_checker: bool = False) -> Path:
    """The local folder of a source, downloaded if need be.

    A pipeline's `safety_checker` is large: it is downloaded only if asked for.

    `source` is an absolute folder, one relative to the repository, or `hf://owner/name[@revision]`.
    Raises `SettingsError` if there is no such thing, and `Unavailable` if the Hub does not answer.
    """
    if source.startswith("hf://"):
        return _from_hub(source, _UNWANTED if safety_checker else (*_UNWANTED, "safety_checker/*"))
    if "://" in source:
        raise SettingsError(f"model source {source!r}: only folders and hf:// are supported", param="source")
    folder = REPOSITORY / source  # an absolute source stays as it is
    if not folder.is_dir():
        raise SettingsError(f"model source {source!r}: there is no folder {folder}", param="source")
    return folder


def checked_digest(entry: ModelEntry, folder: Path) -> str:
    """The digest of the folder. Raises `WeightsMismatch` if the catalog's entry names another one."""
    digest = weights_digest(folder)
    if entry.digest not in (None, digest):
        raise WeightsMismatch(f"the weights of {entry.id} are {digest}, the catalog wants {entry.digest}")
    return digest


def _from_hub(source: str, ignored: tuple[str, ...]) -> Path:
    match = _HUB.fullmatch(source)
    if match is None:
        raise SettingsError(f"model source {source!r} is not hf://owner/name[@revision]", param="source")
    try:
        folder = snapshot_download(
            match["repository"],
            revision=match["revision"],
            allow_patterns=list(_WANTED),
            ignore_patterns=list(ignored),
        )
    except (RepositoryNotFoundError, RevisionNotFoundError) as problem:
        raise SettingsError(f"model source {source!r} does not exist on the Hub", param="source") from problem
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as problem:
        raise Unavailable(f"model source {source!r} could not be downloaded: {problem}") from problem
    return Path(folder)
