"""Bodies of `POST /v1/images/generations`, and how one becomes specs."""

import secrets
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.settings import Settings
from gitex.errors import InvalidInput
from gitex.specs import MAX_SEED, DiffusionSettings, GanSettings, ImageSpec
from gitex.variants import ImageLimits, ModelInfo
from serve_app.http.schemas.provenance import Provenance

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class ImageRequest(BaseModel):
    """OpenAI's fields, then ours. Fields of a model kind that the chosen model does not have are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    prompt: str = Field(min_length=1, examples=["a red star on a blue background"])
    model: str | None = Field(
        None, max_length=200, description="`name` or `name@version`; default: the first image model"
    )
    n: int = Field(1, ge=1, description="pictures; their seeds are `seed`, `seed + 1`, ...")
    size: str = Field(
        "auto", pattern=r"^(auto|[0-9]{1,5}x[0-9]{1,5})$", description="`auto` or `WIDTHxHEIGHT` in pixels"
    )
    response_format: Literal["b64_json", "url"] = "b64_json"
    output_format: Literal["png"] = "png"
    quality: Literal["auto", "standard"] = Field("auto", description="for OpenAI's clients; there is one quality")
    user: str | None = Field(None, max_length=200, description="whom fair queueing counts this request for")
    stream: bool = False
    partial_images: int = Field(0, ge=0, le=3, description="previews on the way, with `stream`")
    progress: bool = Field(False, description="with `stream`: also send `gitex.progress` events")
    seed: Seed | None = Field(None, description="default: drawn at random")
    negative_prompt: str | None = None
    steps: int | None = Field(None, ge=1)
    guidance_scale: float | None = Field(None, ge=0, le=50)
    sampler: str | None = Field(None, max_length=50)
    truncation: float | None = Field(None, ge=0, le=1, description="GAN models: 0 is the class's mean, 1 full variety")

    def specs(self, info: ModelInfo, settings: Settings) -> list[ImageSpec]:
        """One spec a picture, checked against what the model accepts. Raises `InvalidInput` naming the field."""
        limits = info.image
        if limits is None:
            raise InvalidInput(f"{info.variant.id} does not make pictures", param="model")
        self._check(settings)
        width, height = self._sides(limits)
        chosen = self._gan(info) if info.kind == "gan" else self._diffusion(info, limits)
        first = secrets.randbelow(2**32) if self.seed is None else self.seed
        return [
            ImageSpec(info.variant, self.prompt, width, height, (first + i) % (MAX_SEED + 1), chosen)
            for i in range(self.n)
        ]

    def _check(self, settings: Settings) -> None:
        if not self.prompt.strip():
            raise InvalidInput("prompt: is empty", param="prompt")
        for name, text in (("prompt", self.prompt), ("negative_prompt", self.negative_prompt or "")):
            if len(text) > settings.max_prompt_chars:
                raise InvalidInput(
                    f"{name}: {len(text)} characters; at most {settings.max_prompt_chars} are taken", param=name
                )
        if self.n > settings.max_images_per_request:
            raise InvalidInput(f"n: at most {settings.max_images_per_request} pictures a request", param="n")
        if self.stream and self.n > 1:
            raise InvalidInput("n: a stream carries one picture", param="n")

    def _sides(self, limits: ImageLimits) -> tuple[int, int]:
        if self.size == "auto":
            return limits.default_width, limits.default_height
        width, height = (int(side) for side in self.size.split("x"))
        for side in (width, height):
            if not limits.min_side <= side <= limits.max_side:
                raise InvalidInput(f"size: sides must be {limits.min_side} to {limits.max_side} pixels", param="size")
            if side % limits.side_multiple:
                raise InvalidInput(f"size: sides must be multiples of {limits.side_multiple} pixels", param="size")
        return width, height

    def _diffusion(self, info: ModelInfo, limits: ImageLimits) -> DiffusionSettings:
        self._refuse_given(info, "truncation")
        steps = limits.default_steps if self.steps is None else self.steps
        if steps > limits.max_steps:
            raise InvalidInput(f"steps: {info.variant.id} takes at most {limits.max_steps}", param="steps")
        sampler = limits.default_sampler if self.sampler is None else self.sampler
        if sampler not in limits.samplers:
            raise InvalidInput(f"sampler: must be one of {', '.join(limits.samplers)}", param="sampler")
        return DiffusionSettings(
            steps=steps,
            guidance_scale=float(limits.default_guidance if self.guidance_scale is None else self.guidance_scale),
            sampler=sampler,
            negative_prompt=self.negative_prompt or "",
        )

    def _gan(self, info: ModelInfo) -> GanSettings:
        self._refuse_given(info, "negative_prompt", "steps", "guidance_scale", "sampler")
        return GanSettings(truncation=1.0 if self.truncation is None else float(self.truncation))

    def _refuse_given(self, info: ModelInfo, *fields: str) -> None:
        for field in fields:
            if field in self.model_fields_set and self.model_dump()[field] is not None:
                raise InvalidInput(
                    f"{field}: {info.variant.id} is a {info.kind} model and does not take it", param=field
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
    output_format: Literal["png"] = "png"
    data: list[ImageData]
