"""Bodies of `/v1/models`."""

from typing import Literal, Self

from pydantic import BaseModel, Field

from gitex.variants import ModelInfo


class AdapterBody(BaseModel):
    """A LoRA adapter over a model's weights."""

    name: str
    weights_digest: str


class ImageAbilities(BaseModel):
    """What an image model accepts; sides in pixels."""

    default_size: str
    min_side: int
    max_side: int
    side_multiple: int
    default_steps: int
    max_steps: int
    samplers: list[str]
    batching: Literal["step", "request"] = Field(
        description="step: requests share denoising steps; request: they run whole, one after the other"
    )
    takes_images: bool = Field(description="whether `/v1/images/edits` and `/v1/images/variations` work with it")
    adapters: list[AdapterBody] = Field(description="LoRA adapters that a request may choose")
    labels: list[str] = Field(description="the classes of a class-conditional model")


class TextAbilities(BaseModel):
    """What a text model accepts, in tokens."""

    context_length: int
    default_max_tokens: int


class ModelDetails(BaseModel):
    """What OpenAI's model object has no words for."""

    variant: str
    weights_digest: str
    kind: Literal["diffusion", "gan", "text"]
    image: ImageAbilities | None = None
    text: TextAbilities | None = None


class ModelBody(BaseModel):
    """One served model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "gitex"
    gitex: ModelDetails

    @classmethod
    def of(cls, info: ModelInfo) -> Self:
        """The body of a model."""
        image, text = info.image, info.text
        details = ModelDetails(variant=info.variant.id, weights_digest=info.variant.weights_digest, kind=info.kind)
        if image is not None:
            details.image = ImageAbilities(
                default_size=f"{image.default_width}x{image.default_height}",
                min_side=image.min_side,
                max_side=image.max_side,
                side_multiple=image.side_multiple,
                default_steps=image.default_steps,
                max_steps=image.max_steps,
                samplers=list(image.samplers),
                batching=image.batching,
                takes_images=image.takes_images,
                adapters=[AdapterBody(name=name, weights_digest=digest) for name, digest in image.adapters],
                labels=list(image.labels),
            )
        if text is not None:
            details.text = TextAbilities(context_length=text.context_length, default_max_tokens=text.default_max_tokens)
        return cls(id=info.variant.name, created=info.created, gitex=details)


class ModelList(BaseModel):
    """All served models."""

    object: Literal["list"] = "list"
    data: list[ModelBody]
