"""Bodies of `/v1/templates`."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from gitex.slots import (
    MAX_INTEGER,
    MAX_OPTION_CHARS,
    MAX_OPTIONS,
    MAX_TEXT_CHARS,
    NAME_PATTERN,
    ChoiceSlot,
    IntegerSlot,
    Slot,
    TextSlot,
    Value,
)
from gitex.templates import MAX_SLOTS, MAX_TEMPLATE_CHARS, PopularRendering, PromptTemplate, StoredTemplate
from serve_app.http.schemas.image_fields import PictureFields, Seed
from serve_app.http.schemas.images import GAN_FIELDS, GanFields, ImageRequest
from serve_app.services.templates import NAME_PATTERN as TEMPLATE_NAME_PATTERN

_DECIDING = frozenset(
    ("model", "n", "size", "seed", "negative_prompt", "steps", "guidance_scale", "sampler", "strict", "adapters")
) | frozenset(GAN_FIELDS)


class _SlotBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=NAME_PATTERN, examples=["colour"])


class ChoiceSlotBody(_SlotBody):
    """One of some words."""

    type: Literal["choice"]
    options: list[Annotated[str, Field(min_length=1, max_length=MAX_OPTION_CHARS)]] = Field(
        min_length=1, max_length=MAX_OPTIONS, examples=[["red", "teal"]]
    )

    def slot(self) -> Slot:
        """The slot. Raises `InvalidInput`."""
        return ChoiceSlot(self.name, tuple(self.options))


class IntegerSlotBody(_SlotBody):
    """A whole number, both ends included."""

    type: Literal["integer"]
    minimum: int = Field(ge=-MAX_INTEGER, le=MAX_INTEGER)
    maximum: int = Field(ge=-MAX_INTEGER, le=MAX_INTEGER)

    def slot(self) -> Slot:
        """The slot. Raises `InvalidInput`."""
        return IntegerSlot(self.name, self.minimum, self.maximum)


class TextSlotBody(_SlotBody):
    """Free words in one line."""

    type: Literal["text"]
    max_length: int = Field(ge=1, le=MAX_TEXT_CHARS, description="characters")

    def slot(self) -> Slot:
        """The slot. Raises `InvalidInput`."""
        return TextSlot(self.name, self.max_length)


SlotBody = Annotated[ChoiceSlotBody | IntegerSlotBody | TextSlotBody, Field(discriminator="type")]


class TemplateRequest(BaseModel):
    """A prompt with typed slots."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(pattern=TEMPLATE_NAME_PATTERN, examples=["emblem"])
    text: str = Field(
        min_length=1, max_length=MAX_TEMPLATE_CHARS, examples=["a {colour} star"], description="slots in braces"
    )
    slots: list[SlotBody] = Field([], max_length=MAX_SLOTS, description="one for each that the text names")
    seed: Seed | None = Field(None, description="of every request that gives none; default: drawn once, now")
    user: str | None = Field(None, max_length=200, description="who makes it")

    def prompt(self) -> PromptTemplate:
        """The template. Raises `InvalidInput` naming `text` or `slots`."""
        return PromptTemplate(self.text, tuple(body.slot() for body in self.slots))


class TemplateBody(BaseModel):
    """A stored template."""

    id: str
    object: Literal["template"] = "template"
    name: str
    text: str
    slots: list[SlotBody]
    seed: int = Field(description="of every request that gives none")
    creator: str
    created: int = Field(description="Unix seconds")
    combinations: int | None = Field(description="how many prompts it has; null if a text slot makes them countless")

    @classmethod
    def of(cls, template: StoredTemplate) -> Self:
        """The body of `template`."""
        return cls(
            id=template.id,
            name=template.name,
            text=template.prompt.text,
            slots=[_slot_body(slot) for slot in template.prompt.slots],
            seed=template.seed,
            creator=template.creator,
            created=int(template.created_at.timestamp()),
            combinations=template.prompt.size,
        )


def _slot_body(slot: Slot) -> ChoiceSlotBody | IntegerSlotBody | TextSlotBody:
    match slot:
        case ChoiceSlot():
            return ChoiceSlotBody(name=slot.name, type="choice", options=list(slot.options))
        case IntegerSlot():
            return IntegerSlotBody(name=slot.name, type="integer", minimum=slot.minimum, maximum=slot.maximum)
        case TextSlot():
            return TextSlotBody(name=slot.name, type="text", max_length=slot.max_length)


class TemplateList(BaseModel):
    """Some templates, newest first."""

    object: Literal["list"] = "list"
    data: list[TemplateBody]
    next: str | None = Field(None, description="what to give as `after` for the page that follows")


class RenderingBody(BaseModel):
    """Something that a template was, or could be, asked for."""

    values: dict[str, Value]
    settings: dict[str, Any] = Field(description="the request's other fields that decide the picture")
    uses: int = Field(description="0: nobody asked for it yet")

    @classmethod
    def of(cls, popular: PopularRendering) -> Self:
        """The body of `popular`."""
        rendering = popular.rendering
        return cls(values=json.loads(rendering.values), settings=json.loads(rendering.settings), uses=popular.uses)


class RenderingList(BaseModel):
    """What is worth making beforehand: the most used first, then combinations that nobody used."""

    object: Literal["list"] = "list"
    data: list[RenderingBody]


class TemplateImageRequest(PictureFields, GanFields):
    """Pictures of a template."""

    values: dict[str, Value] = Field({}, max_length=MAX_SLOTS, examples=[{"colour": "red"}], description="one a slot")
    warming: bool = Field(False, description="made beforehand: counted neither as a use nor in the template's metrics")

    def request(self, template: StoredTemplate) -> ImageRequest:
        """The request for pictures that this one stands for. Raises `InvalidInput` naming `values.SLOT`."""
        given = {name: value for name, value in self if name in self.model_fields_set - {"values", "warming"}}
        # The very same request always means the very same picture, so that the cache can have it.
        seed = template.seed if self.seed is None else self.seed
        return ImageRequest(**{**given, "prompt": template.prompt.render(self.values), "seed": seed})

    def settings(self) -> dict[str, Any]:
        """What was given besides the values and decides the picture."""
        return self.model_dump(include=set(_DECIDING), exclude_unset=True, exclude_none=True)
