"""The model catalog: which models exist, where their weights come from, and what they accept."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gitex.errors import ModelNotFound, SettingsError

REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT_CATALOG = Path(__file__).with_name("models.yaml")
_DIGEST = r"^sha256:[0-9a-f]{64}$"
_ADAPTER_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EngineOptions(_Frozen):
    """How a model is put on its device."""

    device: str = Field("auto", description="`auto`, `cpu`, `cuda`, `cuda:N`")
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field("auto", description="auto: float32 on CPU")
    max_batch: int = Field(8, ge=1, description="requests in one forward pass")
    max_waiting: int = Field(64, ge=1, description="requests that may wait; a tenant alone may fill three quarters")
    threads: int = Field(0, ge=0, description="torch CPU threads; 0 for all cores")
    memory_fraction: float = Field(1.0, gt=0, le=1, description="share of the GPU's memory this engine may take")
    strict_rows: int = Field(4, ge=2, description="rows of a strict request's forward passes; a guided one fills two")


class DiffusionDefaults(_Frozen):
    """What a diffusion model is asked for when the caller does not say."""

    width: int = 512
    height: int = 512
    min_side: int = 64
    max_side: int = 1024
    steps: int = 30
    max_steps: int = 150
    guidance_scale: float = 7.5
    sampler: str | None = Field(None, description="one that the model has; None: euler where it is one of them")


class TextDefaults(_Frozen):
    """What a text model is asked for when the caller does not say."""

    max_tokens: int = 128


class AdapterEntry(_Frozen):
    """LoRA weights that requests may put over a diffusion model."""

    source: str = Field(description="a folder with one safetensors file; where it may be, see the model's own source")
    digest: str | None = Field(None, pattern=_DIGEST, description="refuse weights other than these")


class ModelEntry(_Frozen):
    """One version of one model."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    version: int = Field(ge=1)
    kind: Literal["diffusion", "gan", "text"]
    source: str = Field(description="a folder (absolute, or relative to the repository), or hf://owner/name[@revision]")
    digest: str | None = Field(None, pattern=_DIGEST, description="refuse weights other than these")
    adapters: dict[Annotated[str, Field(pattern=_ADAPTER_NAME)], AdapterEntry] = Field(
        {}, description="of a diffusion model, by the name that requests use"
    )
    safety: Literal["none", "pipeline"] = Field(
        "none", description="pipeline: the checker in a diffusion model's own safety_checker folder sees every picture"
    )
    engine: EngineOptions = EngineOptions()
    diffusion: DiffusionDefaults = DiffusionDefaults()
    text: TextDefaults = TextDefaults()

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @model_validator(mode="after")
    def _only_diffusion_has_adapters_and_safety(self) -> "ModelEntry":
        if self.kind != "diffusion" and (self.adapters or self.safety != "none"):
            raise ValueError("adapters and safety are for diffusion models")
        return self


class Catalog(_Frozen):
    """All models that may be served."""

    models: tuple[ModelEntry, ...]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Catalog":
        ids = [entry.id for entry in self.models]
        if len(set(ids)) != len(ids):
            raise ValueError("two entries have the same name@version")
        return self

    def entry(self, model: str) -> ModelEntry:
        """The entry of `name@version`, or the highest version of `name`. Raises `ModelNotFound`."""
        name, _, version = model.partition("@")
        fitting = [e for e in self.models if e.name == name and version in ("", str(e.version))]
        if not fitting:
            raise ModelNotFound(f"model {model!r} is not in the catalog", param="model")
        return max(fitting, key=lambda e: e.version)


def load_catalog(path: Path = DEFAULT_CATALOG) -> Catalog:
    """Read and check a catalog file. Raises `SettingsError`."""
    try:
        return Catalog.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError, ValidationError) as problem:
        raise SettingsError(f"model catalog {path}: {problem}", param="GITEX_CATALOG") from problem
