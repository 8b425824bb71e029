"""Forms of `POST /v1/images/edits` and `/v1/images/variations`, and how one becomes specs."""

from dataclasses import replace
from typing import Annotated

from fastapi import UploadFile
from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field

from configs.settings import Settings
from gitex.errors import InvalidInput
from gitex.specs import DiffusionSettings, ImageSpec, SourceImage, StyleImage
from gitex.variants import ImageLimits, ModelInfo
from serve_app.http.schemas.image_fields import ImageFields
from serve_app.services.pictures import KeptPictures


def _one_file(given: object) -> object:
    if isinstance(given, list) and len(given) == 1 and not isinstance(given[0], str):
        return given
    raise ValueError("send one picture, as a file")


OneFile = Annotated[list[UploadFile], BeforeValidator(_one_file)]


class FromPicture(ImageFields):
    """A picture that begins from another one. A form is text, so numbers and truths are read from their words."""

    model_config = ConfigDict(strict=False)

    # A list, because of two files in one field the framework would drop one silently. OpenAI's clients call the field
    # `image[]` when they are given a list.
    image: OneFile = Field(validation_alias=AliasChoices("image", "image[]"), description="PNG, JPEG or WebP; just one")
    strength: float = Field(0.6, gt=0, le=1, description="how far from the picture; 1 forgets it")
    style: str = Field("", description="the wanted look in words; added to the prompt")
    style_image: UploadFile | None = Field(None, description="a picture whose look is taken, not its contents")
    style_weight: float | None = Field(None, ge=0, le=1, description="how much of that look; default: 1")

    @property
    def whole_prompt(self) -> str:
        """The prompt, and the style after it."""
        return ", ".join(part for part in (self.prompt, self.style) if part.strip())

    def chosen(self, info: ModelInfo, limits: ImageLimits, settings: Settings) -> DiffusionSettings:
        """The settings without the pictures, all checked that can be before one is decoded. Raises `InvalidInput`."""
        if not limits.takes_images:
            raise InvalidInput(f"model: {info.variant.id} does not begin from pictures", param="model")
        self.check(settings)
        if len(self.whole_prompt) > settings.max_prompt_chars:
            raise InvalidInput(
                f"style: prompt and style have {len(self.whole_prompt)} characters together; at most "
                f"{settings.max_prompt_chars} are taken",
                param="style",
            )
        if self.style_weight is not None and self.style_image is None:
            raise InvalidInput("style_weight: belongs to a style_image", param="style_weight")
        self.sides(limits)
        chosen = self.diffusion(info, limits)
        if int(chosen.steps * self.strength) < 1:
            raise InvalidInput(
                f"strength: {chosen.steps} steps at strength {self.strength:g} leave no step to take", param="strength"
            )
        return chosen

    def specs(self, info: ModelInfo, chosen: DiffusionSettings, pictures: KeptPictures) -> list[ImageSpec]:
        """One spec a picture, which names the kept pictures."""
        weight = 1.0 if self.style_weight is None else self.style_weight
        whole = replace(
            chosen,
            source=SourceImage(pictures.source, self.strength, pictures.mask),
            style=StyleImage(pictures.style, weight) if pictures.style else None,
        )
        width, height = pictures.width, pictures.height
        return [ImageSpec(info.variant, self.whole_prompt, width, height, seed, whole) for seed in self.seeds()]


class EditForm(FromPicture):
    """OpenAI's fields, then ours."""

    mask: UploadFile | None = Field(
        None, description="what may change: transparent pixels, or the white ones of an opaque mask"
    )

    def chosen(self, info: ModelInfo, limits: ImageLimits, settings: Settings) -> DiffusionSettings:
        """See `FromPicture.chosen`; an edit needs words."""
        self.check_prompt()
        return super().chosen(info, limits, settings)


class VariationForm(FromPicture):
    """OpenAI's fields, then ours."""

    prompt: str = Field("", description="may stay empty")
    strength: float = Field(0.7, gt=0, le=1, description="how far from the picture; 1 forgets it")
