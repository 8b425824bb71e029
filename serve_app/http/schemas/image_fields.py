"""The fields that every call for pictures shares, and what they mean to a diffusion model."""

import secrets
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from configs.settings import Settings
from gitex.errors import InvalidInput
from gitex.specs import MAX_SEED, Adapter, DiffusionSettings
from gitex.variants import ImageLimits, ModelInfo

Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class AdapterChoice(BaseModel):
    """A LoRA adapter that the model lists under `adapters`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=200)
    weight: float = Field(1.0, ge=-4, le=4, description="1 as it was trained, 0 without effect")


def _from_text(choice: object) -> object:
    """`NAME` or `NAME:WEIGHT`, which is all that a form can send, as the object."""
    if not isinstance(choice, str):
        return choice
    name, colon, weight = choice.rpartition(":")
    return {"name": name, "weight": float(weight)} if colon else {"name": choice}


Adapters = list[Annotated[AdapterChoice, BeforeValidator(_from_text, json_schema_input_type=AdapterChoice | str)]]


class PictureFields(BaseModel):
    """How a picture is wanted, whatever it shows: OpenAI's fields, then ours."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

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
    partial_images: int = Field(
        0, ge=0, le=3, description="previews on the way, with `stream`; at most one in five steps"
    )
    progress: bool = Field(False, description="with `stream`: also send `gitex.progress` events")
    priority: int = Field(0, ge=-10, le=10, description="higher goes first among the requests of one `user`")
    seed: Seed | None = Field(None, description="default: drawn at random")
    negative_prompt: str | None = None
    steps: int | None = Field(None, ge=1)
    guidance_scale: float | None = Field(None, ge=0, le=50)
    sampler: str | None = Field(None, max_length=50)
    strict: bool = Field(False, description="diffusion models: the same bytes whoever shares the batch, a bit slower")
    adapters: Adapters = Field(
        [], max_length=8, description="diffusion models: LoRA adapters to apply; as text `NAME` or `NAME:WEIGHT`"
    )


class ImageFields(PictureFields):
    """OpenAI's fields, then ours. Fields of a model kind that the chosen model does not have are refused."""

    prompt: str = Field(min_length=1, examples=["a red star on a blue background"])

    def check(self, settings: Settings) -> None:
        """Raise `InvalidInput` for what no model of this service takes."""
        for name, text in (("prompt", self.prompt), ("negative_prompt", self.negative_prompt or "")):
            if len(text) > settings.max_prompt_chars:
                raise InvalidInput(
                    f"{name}: {len(text)} characters; at most {settings.max_prompt_chars} are taken", param=name
                )
        if self.n > settings.max_images_per_request:
            raise InvalidInput(f"n: at most {settings.max_images_per_request} pictures a request", param="n")
        if self.stream and self.n > 1:
            raise InvalidInput("n: a stream carries one picture", param="n")

    def check_prompt(self) -> None:
        """Raise `InvalidInput` for a prompt that says nothing."""
        if not self.prompt.strip():
            raise InvalidInput("prompt: is empty", param="prompt")

    def sides(self, limits: ImageLimits) -> tuple[int, int] | None:
        """Width and height that were asked for; None for `auto`. Raises `InvalidInput`."""
        if self.size == "auto":
            return None
        width, height = (int(side) for side in self.size.split("x"))
        for side in (width, height):
            if not limits.min_side <= side <= limits.max_side:
                raise InvalidInput(f"size: sides must be {limits.min_side} to {limits.max_side} pixels", param="size")
            if side % limits.side_multiple:
                raise InvalidInput(f"size: sides must be multiples of {limits.side_multiple} pixels", param="size")
        return width, height

    def seeds(self) -> list[int]:
        """One a picture, counting up and wrapping."""
        first = secrets.randbelow(2**32) if self.seed is None else self.seed
        return [(first + i) % (MAX_SEED + 1) for i in range(self.n)]

    def diffusion(self, info: ModelInfo, limits: ImageLimits) -> DiffusionSettings:
        """How a diffusion model of these limits is to run. Raises `InvalidInput`."""
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
            adapters=self._chosen_adapters(info, limits),
            strict=self.strict,
        )

    def refuse_given(self, info: ModelInfo, *fields: str) -> None:
        """Raise `InvalidInput` for fields that were sent although this model's kind does not have them."""
        for field in fields:
            if field in self.model_fields_set and self.model_dump()[field] is not None:
                raise InvalidInput(
                    f"{field}: {info.variant.id} is a {info.kind} model and does not take it", param=field
                )

    def _chosen_adapters(self, info: ModelInfo, limits: ImageLimits) -> tuple[Adapter, ...]:
        """By name, so that the order in which they were asked for does not make another spec."""
        known = dict(limits.adapters)
        chosen: dict[str, Adapter] = {}
        for choice in self.adapters:
            if choice.name not in known:
                names = ", ".join(sorted(known)) or "none"
                raise InvalidInput(
                    f"adapters: {info.variant.id} has no {choice.name!r}; it has: {names}", param="adapters"
                )
            if choice.name in chosen:
                raise InvalidInput(f"adapters: {choice.name!r} is named twice", param="adapters")
            chosen[choice.name] = Adapter(choice.name, known[choice.name], float(choice.weight))
        return tuple(chosen[name] for name in sorted(chosen))
