"""LoRA adapters (arXiv:2106.09685) over one base: loaded beside its weights, never merged."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from diffusers import DiffusionPipeline
from torch import nn

from configs.catalog import AdapterEntry
from gitex.errors import SettingsError, WeightsMismatch
from models.registry.digest import weights_digest
from models.registry.sources import resolve_source

_USUAL_NAME = "pytorch_lora_weights.safetensors"


def load_adapters(pipeline: DiffusionPipeline, entries: Mapping[str, AdapterEntry]) -> tuple[tuple[str, str], ...]:
    """Put every adapter beside the pipeline's weights, off; returns their names and weights digests.

    Raises `SettingsError` for a source that is none of this model's adapters, `WeightsMismatch`, `Unavailable`.
    """
    loaded: list[tuple[str, str]] = []
    for name, entry in entries.items():
        folder = resolve_source(entry.source)
        digest = weights_digest(folder)
        if entry.digest not in (None, digest):
            raise WeightsMismatch(f"the weights of adapter {name} are {digest}, the catalog wants {entry.digest}")
        _load_beside(pipeline, name, _weights_file(name, folder))
        loaded.append((name, digest))
    if loaded:
        pipeline.disable_lora()
    return tuple(loaded)


def _load_beside(pipeline: DiffusionPipeline, name: str, file: Path) -> None:
    before = {parameter.data_ptr() for network in _networks(pipeline) for parameter in network.parameters()}
    where = {"weight_name": file.name, "use_safetensors": True, "local_files_only": True}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several adapters are what we want
            pipeline.load_lora_weights(str(file.parent), adapter_name=name, **where)
    except (AttributeError, ImportError, KeyError, OSError, RuntimeError, ValueError) as problem:
        raise SettingsError(f"adapter {name} does not fit this model: {problem}", param="adapters") from problem
    if not any(name in names for names in pipeline.get_list_adapters().values()):
        raise SettingsError(f"adapter {name} has no weights for this model", param="adapters")
    after: set[int] = set()
    for network in _networks(pipeline):
        network.eval()  # some adapters drop out inputs while training
        after |= {parameter.data_ptr() for parameter in network.parameters()}
    if not before <= after:  # some kinds of adapter widen or fuse the base's own layers
        raise SettingsError(f"adapter {name} would replace weights of the base model", param="adapters")


def _weights_file(name: str, folder: Path) -> Path:
    found = sorted(folder.glob("*.safetensors"))
    usual = [file for file in found if file.name == _USUAL_NAME]
    if len(usual or found) != 1:
        raise SettingsError(f"adapter {name}: {folder} has not exactly one safetensors file", param="adapters")
    return (usual or found)[0]


def _networks(pipeline: DiffusionPipeline) -> Iterator[nn.Module]:
    return (part for part in pipeline.components.values() if isinstance(part, nn.Module))
