"""Where a request begins: from noise, from a picture, from a picture's masked part; and the style it takes along."""

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from gitex.specs import StyleImage
from models.diffusion.autoencoder import Autoencoder
from models.diffusion.conditioning import Conditioning
from models.diffusion.context_cache import ContextCache
from models.diffusion.denoisers.protocol import Denoiser
from models.diffusion.pictures import read_picture
from models.diffusion.request import DiffusionRequest, KeptPart, Style, WorkingTensors


class Starts:
    """Prepares requests on the engine thread."""

    def __init__(self, denoiser: Denoiser, autoencoder: Autoencoder) -> None:
        self._denoiser = denoiser
        self._autoencoder = autoencoder
        self._contexts = ContextCache(denoiser)

    def prepare(self, request: DiffusionRequest) -> WorkingTensors:
        """Encode what the spec names and draw the noise, in the order in which diffusers' pipelines draw.

        Raises `InvalidInput` for a picture that is missing, unreadable or of another size.
        """
        generator = Generator().manual_seed(request.spec.seed)
        source = self._source(request, generator)
        noise = self._noise(request, generator)
        return WorkingTensors(
            latents=_first_latents(request, source, noise),
            conditioning=self._conditioning(request, request.spec.prompt, negative=False),
            negative=self._conditioning(request, request.settings.negative_prompt, negative=True)
            if request.guided
            else None,
            generator=generator,
            kept=None if source is None else self._kept(request, source, noise),
            style=self._style(request),
        )

    def forget(self) -> None:
        """Free what is only kept to be quick."""
        self._contexts.clear()

    def _noise(self, request: DiffusionRequest, generator: Generator) -> Tensor:
        # Drawn on the CPU in the model's precision, as diffusers does with a CPU generator: the same noise on every
        # device. (One seed gives different noise in float32 and in float16.)
        noise = torch.randn(request.key.latent_shape, generator=generator, dtype=self._denoiser.dtype)
        return noise.to(self._denoiser.device).float()

    def _conditioning(self, request: DiffusionRequest, prompt: str, *, negative: bool) -> Conditioning:
        spec = request.spec
        return self._denoiser.complete(
            self._contexts.encode(prompt, request.key.adapters, negative=negative),
            width=spec.width,
            height=spec.height,
            guidance_scale=request.settings.guidance_scale,
        )

    def _source(self, request: DiffusionRequest, generator: Generator) -> Tensor | None:
        source = request.settings.source
        if source is None:
            return None
        return self._autoencoder.encode(read_picture(request.spec, request.context, source.sha256, "image"), generator)

    def _kept(self, request: DiffusionRequest, source: Tensor, noise: Tensor) -> KeptPart | None:
        settings = request.settings.source
        if settings is None or not settings.mask:
            return None
        levels = read_picture(request.spec, request.context, settings.mask, "mask")[..., 0]
        painted = torch.from_numpy((levels > 127).astype(np.float32))[None, None]
        mask = interpolate(painted, size=request.key.latent_shape[1:])[0]  # nearest, as diffusers does
        return KeptPart(clean=source, noise=noise, mask=mask.to(source.device))

    def _style(self, request: DiffusionRequest) -> Style | None:
        style: StyleImage | None = request.settings.style
        if style is None:
            return None
        # Its own generator: a style must not change the request's noise.
        picture = read_picture(request.spec, request.context, style.sha256, "style_image")
        latents = self._autoencoder.encode(picture, Generator().manual_seed(request.spec.seed))
        mean, deviation = statistics(latents)
        return Style(mean=mean, deviation=deviation, weight=style.weight)


def statistics(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the last two dimensions, which stay as ones."""
    return latents.mean((-2, -1), keepdim=True), latents.std((-2, -1), keepdim=True)


def _first_latents(request: DiffusionRequest, source: Tensor | None, noise: Tensor) -> Tensor:
    settings = request.settings.source
    # An inpainting at full strength begins from pure noise, as in diffusers: nothing of the masked part is kept.
    if source is None or settings is None or (settings.mask and settings.strength == 1):
        return noise * request.plan.initial_scale
    signal, spread = request.plan.mixes[0]
    return signal * source + spread * noise
