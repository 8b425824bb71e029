"""Provenance: where a picture came from. Part of every answer about one."""

from typing import Literal, Self

from pydantic import BaseModel, Field

from gitex.assets import Asset
from gitex.specs import DiffusionSettings, GanSettings
from serve_app.services.generation import CacheState, Generated


class Timing(BaseModel):
    """Seconds the picture's making spent in each stage; a cached answer keeps those of the making."""

    queue: float
    encode: float
    denoise: float
    decode: float


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
        )
        match spec.settings:
            case DiffusionSettings() as diffusion:
                return base.model_copy(
                    update={
                        "negative_prompt": diffusion.negative_prompt,
                        "sampler": diffusion.sampler,
                        "steps": diffusion.steps,
                        "guidance_scale": diffusion.guidance_scale,
                    }
                )
            case GanSettings() as gan:
                return base.model_copy(update={"truncation": gan.truncation})

    @classmethod
    def of_generated(cls, generated: Generated) -> Self:
        """The provenance of a picture that was just asked for."""
        return cls.of(generated.asset, generated.cache)
