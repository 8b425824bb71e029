"""What a diffusion engine accepts, whatever its doors have checked already."""

import math

from gitex.errors import InvalidInput
from gitex.specs import MAX_SEED, DiffusionSettings, ImageSpec, SourceImage
from gitex.variants import ImageLimits


def checked_settings(spec: ImageSpec, limits: ImageLimits) -> DiffusionSettings:
    """The settings of a spec that a model of these limits can run. Raises `InvalidInput` naming the field."""
    settings = spec.settings
    if not isinstance(settings, DiffusionSettings):
        raise InvalidInput("this engine needs diffusion settings", param="settings")
    for name, side in (("width", spec.width), ("height", spec.height)):
        if not limits.min_side <= side <= limits.max_side or side % limits.side_multiple:
            raise InvalidInput(
                f"{name} must be a multiple of {limits.side_multiple} from {limits.min_side} to {limits.max_side}",
                param=name,
            )
    if not 1 <= settings.steps <= limits.max_steps:
        raise InvalidInput(f"steps must be from 1 to {limits.max_steps}", param="steps")
    if settings.sampler not in limits.samplers:
        raise InvalidInput(f"sampler must be one of {', '.join(limits.samplers)}", param="sampler")
    if not math.isfinite(settings.guidance_scale):
        raise InvalidInput("guidance_scale must be a finite number", param="guidance_scale")
    if not 0 <= spec.seed <= MAX_SEED:
        raise InvalidInput("seed must be from 0 to 2**64 - 1", param="seed")
    if settings.source is not None:
        _check_source(settings.source, settings)
    if settings.style is not None and not 0 <= settings.style.weight <= 1:
        raise InvalidInput("style_weight must be from 0 to 1", param="style_weight")
    _check_adapters(settings, limits)
    return settings


def steps_skipped(settings: DiffusionSettings) -> int:
    """How much of the schedule an image-to-image request leaves out, rounded as diffusers does for its family."""
    if settings.source is None:
        return 0
    taken = min(settings.steps * settings.source.strength, settings.steps)
    # Stable Diffusion 1 to XL round the steps that are taken down; 3 and Flux those that are left out.
    return int(settings.steps - taken) if settings.sampler == "flow_euler" else settings.steps - int(taken)


def _check_source(source: SourceImage, settings: DiffusionSettings) -> None:
    if not 0 < source.strength <= 1:
        raise InvalidInput("strength must be above 0 and at most 1", param="strength")
    if steps_skipped(settings) == settings.steps:
        raise InvalidInput(
            f"{settings.steps} steps at strength {source.strength} leave no step to take", param="strength"
        )


def _check_adapters(settings: DiffusionSettings, limits: ImageLimits) -> None:
    known = dict(limits.adapters)
    names = [adapter.name for adapter in settings.adapters]
    if len(set(names)) != len(names):
        raise InvalidInput("an adapter is named twice", param="adapters")
    for adapter in settings.adapters:
        if known.get(adapter.name) != adapter.weights_digest:
            raise InvalidInput(f"adapter {adapter.name!r} is not loaded with those weights", param="adapters")
        if not math.isfinite(adapter.weight):
            raise InvalidInput("an adapter's weight must be a finite number", param="adapters")
