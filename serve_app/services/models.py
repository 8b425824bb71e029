"""Which variants are served, and how a caller's word for one is resolved. Nothing after this guesses."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gitex.errors import InvalidInput, ModelNotFound, WeightsMismatch
from gitex.ports import ImageModel, TextModel
from gitex.variants import ModelInfo, Variant

M = TypeVar("M", ImageModel, TextModel)


@dataclass(frozen=True)
class ModelDirectory:
    """All served models, in the order of the Serve config: the first of a kind is the default."""

    image_models: tuple[ImageModel, ...]
    text_models: tuple[TextModel, ...]

    def infos(self) -> list[ModelInfo]:
        """What every served model says of itself."""
        return [model.info for model in self.image_models] + [model.info for model in self.text_models]

    def image(self, name: str | None) -> ImageModel:
        """The model called `name` or `name@version`. Raises `ModelNotFound`, or `InvalidInput` for a text model."""
        return _Choice(self.image_models, "image").named(name, others=self.text_models)

    def serving(self, variant: Variant) -> ImageModel:
        """The model that serves exactly this variant.

        Raises `ModelNotFound` if none of its name and version does, `WeightsMismatch` if that one has other weights.
        """
        same_id = [model for model in self.image_models if model.info.variant.id == variant.id]
        for model in same_id:
            if model.info.variant == variant:
                return model
        if not same_id:
            raise ModelNotFound(f"{variant.id} made the picture and is not served now")
        raise WeightsMismatch(
            f"{variant.id} of {variant.weights_digest} made the picture; served are the weights "
            f"{same_id[0].info.variant.weights_digest}"
        )

    def text(self, name: str | None) -> TextModel:
        """The model called `name` or `name@version`. Raises `ModelNotFound`, or `InvalidInput` for an image model."""
        return _Choice(self.text_models, "text").named(name, others=self.image_models)


@dataclass(frozen=True)
class _Choice(Generic[M]):
    models: tuple[M, ...]
    kind: str

    def named(self, name: str | None, others: Iterable[ImageModel | TextModel]) -> M:
        if name is None:
            if not self.models:
                raise ModelNotFound(f"no {self.kind} model is served", param="model")
            return self.models[0]
        fitting = [model for model in self.models if _is_called(model, name)]
        if fitting:
            return max(fitting, key=lambda model: model.info.variant.version)
        if any(_is_called(model, name) for model in others):
            raise InvalidInput(f"model {name!r} does not make {self.kind}s", param="model")
        known = ", ".join(sorted(model.info.variant.name for model in self.models)) or "none"
        raise ModelNotFound(f"model {name!r} is not served; {self.kind} models: {known}", param="model")


def _is_called(model: ImageModel | TextModel, name: str) -> bool:
    variant = model.info.variant
    return name in (variant.name, variant.id)
