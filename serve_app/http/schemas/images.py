"""Bodies of `POST /v1/images/generations`, and how one becomes specs."""

from typing import Literal

from pydantic import BaseModel, Field

from configs.settings import Settings
from gitex.errors import InvalidInput
from gitex.specs import DiffusionSettings, GanSettings, ImageSpec
from gitex.variants import ImageLimits, ModelInfo
from serve_app.http.schemas.image_fields import ImageFields, Seed
from serve_app.http.schemas.provenance import Provenance

GAN_FIELDS = ("truncation", "mix_label", "mix_weight", "end_seed", "frames")
DEFAULT_FRAMES = 24


class GanFields(BaseModel):
    """What GAN models take besides."""

    truncation: float | None = Field(None, ge=0, le=1, description="GAN models: 0 is the class's centre, 1 all variety")
    mix_label: str | None = Field(None, min_length=1, max_length=200, description="GAN models: a class to mix in")
    mix_weight: float | None = Field(None, ge=0, le=1, description="GAN models: how much of it; default: half")
    end_seed: Seed | None = Field(None, description="GAN models: go there from `seed`, as an animated WebP")
    frames: int | None = Field(None, ge=2, le=60, description="GAN models: pictures of the animation; default: 24")


class ImageRequest(ImageFields, GanFields):
    """A picture of a prompt."""

    def specs(self, info: ModelInfo, settings: Settings) -> list[ImageSpec]:
        """One spec a picture, checked against what the model accepts. Raises `InvalidInput` naming the field."""
        limits = info.image
        if limits is None:
            raise InvalidInput(f"{info.variant.id} does not make pictures", param="model")
        self.check_prompt()
        self.check(settings)
        width, height = self.sides(limits) or (limits.default_width, limits.default_height)
        chosen = self._gan(info) if info.kind == "gan" else self._diffusion(info, limits)
        return [ImageSpec(info.variant, self.prompt, width, height, seed, chosen) for seed in self.seeds()]

    def _diffusion(self, info: ModelInfo, limits: ImageLimits) -> DiffusionSettings:
        self.refuse_given(info, *GAN_FIELDS)
        return self.diffusion(info, limits)

    def _gan(self, info: ModelInfo) -> GanSettings:
        self.refuse_given(info, "negative_prompt", "steps", "guidance_scale", "sampler", "strict", "adapters")
        if self.mix_weight is not None and self.mix_label is None:
            raise InvalidInput("mix_weight: needs a mix_label", param="mix_weight")
        if self.frames is not None and self.end_seed is None:
            raise InvalidInput("frames: needs an end_seed to go to", param="frames")
        weight = 0.5 if self.mix_weight is None else float(self.mix_weight)
        count = DEFAULT_FRAMES if self.frames is None else self.frames
        return GanSettings(
            truncation=1.0 if self.truncation is None else float(self.truncation),
            mix_label=self.mix_label or "",
            mix_weight=weight if self.mix_label else 0.0,
            end_seed=self.end_seed,
            frames=1 if self.end_seed is None else count,
        )


class ImageData(BaseModel):
    """One picture: its bytes or its address, and where it came from."""

    b64_json: str | None = None
    url: str | None = None
    gitex: Provenance


class ImageResponse(BaseModel):
    """OpenAI's answer."""

    created: int
    size: str
    output_format: Literal["png", "webp"] = "png"
    data: list[ImageData]
