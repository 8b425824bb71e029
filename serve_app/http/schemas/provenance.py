"""Provenance: where a picture came from. Part of every answer about one."""

from typing import Literal, Self

from pydantic import BaseModel, Field

from gitex.assets import Asset
from gitex.events import Execution
from gitex.specs import DiffusionSettings, GanSettings
from serve_app.services.generation import CacheState, Generated


class Timing(BaseModel):
    """Seconds the picture's making spent in each stage; a cached answer keeps those of the making."""

    queue: float
    encode: float
    denoise: float
    decode: float


class SourceBody(BaseModel):
    """A picture that another one began from, as it was kept: upright, in the size of the new one."""

    sha256: str
    strength: float
    mask: str | None = Field(None, description="SHA-256 of the mask")


class StyleBody(BaseModel):
    """A picture whose look was taken, as it was kept."""

    sha256: str
    weight: float


class UsedAdapter(BaseModel):
    """A LoRA adapter, and how strongly it was applied."""

    name: str
    weights_digest: str
    weight: float


class ExecutionBody(BaseModel):
    """What besides the spec may change a picture's last bits."""

    strict: bool
    device: str
    dtype: str
    versions: list[str]

    @classmethod
    def of(cls, execution: Execution | None) -> Self | None:
        """The body of what an engine said; None if it said nothing."""
        if execution is None:
            return None
        return cls(
            strict=execution.strict,
            device=execution.device,
            dtype=execution.dtype,
            versions=list(execution.versions),
        )


class Provenance(BaseModel):
    """All that decided the picture, and how it was come by."""

    asset_id: str
    variant: str = Field(description="`name@version`", examples=["starter-diffusion@1"])
    weights_digest: str = Field(description="`sha256:` over the model folder")
    prompt: str
    seed: int
    size: str = Field(examples=["128x128"])
    sha256: str = Field(description="of the picture's bytes")
    negative_prompt: str | None = None
    sampler: str | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    truncation: float | None = None
    mix_label: str | None = Field(None, description="the second class that was mixed in")
    mix_weight: float | None = None
    end_seed: int | None = Field(None, description="where an animation ends")
    frames: int | None = None
    strict: bool | None = Field(None, description="whether the same spec gives the same bytes on the same execution")
    source: SourceBody | None = Field(None, description="the picture that it began from")
    style: StyleBody | None = Field(None, description="the picture whose look it took")
    adapters: list[UsedAdapter] | None = None
    execution: ExecutionBody | None = Field(None, description="where and with what it ran")
    timing: Timing
    cache: CacheState | Literal["stored"] = Field(
        description="hit: from the cache; joined: shared an identical run; miss, bypass: made for this request; "
        "stored: read from the asset store"
    )

    @classmethod
    def of(cls, asset: Asset, cache: CacheState | Literal["stored"]) -> Self:
        """The provenance of a stored picture."""
        spec = asset.spec
        base = cls(
            asset_id=asset.id,
            variant=spec.variant.id,
            weights_digest=spec.variant.weights_digest,
            prompt=spec.prompt,
            seed=spec.seed,
            size=f"{spec.width}x{spec.height}",
            sha256=asset.sha256,
            timing=Timing(
                queue=asset.stages.queue,
                encode=asset.stages.encode,
                denoise=asset.stages.denoise,
                decode=asset.stages.decode,
            ),
            cache=cache,
            execution=ExecutionBody.of(asset.execution),
        )
        match spec.settings:
            case DiffusionSettings() as diffusion:
                return base.model_copy(update=_diffusion_fields(diffusion))
            case GanSettings() as gan:
                return base.model_copy(update=_gan_fields(gan))

    @classmethod
    def of_generated(cls, generated: Generated) -> Self:
        """The provenance of a picture that was just asked for."""
        return cls.of(generated.asset, generated.cache)


def _gan_fields(settings: GanSettings) -> dict[str, object]:
    fields: dict[str, object] = {"truncation": settings.truncation}
    if settings.mix_label:
        fields |= {"mix_label": settings.mix_label, "mix_weight": settings.mix_weight}
    if settings.end_seed is not None:
        fields |= {"end_seed": settings.end_seed, "frames": settings.frames}
    return fields


def _diffusion_fields(settings: DiffusionSettings) -> dict[str, object]:
    source, style = settings.source, settings.style
    return {
        "negative_prompt": settings.negative_prompt,
        "sampler": settings.sampler,
        "steps": settings.steps,
        "guidance_scale": settings.guidance_scale,
        "strict": settings.strict,
        "source": None
        if source is None
        else SourceBody(sha256=source.sha256, strength=source.strength, mask=source.mask or None),
        "style": None if style is None else StyleBody(sha256=style.sha256, weight=style.weight),
        "adapters": [
            UsedAdapter(name=adapter.name, weights_digest=adapter.weights_digest, weight=adapter.weight)
            for adapter in settings.adapters
        ]
        or None,
    }
