"""`FluxTransformer2DModel` with CLIP and T5, its guidance distilled into the network: FLUX.1 dev and schnell."""

from collections.abc import Mapping

import torch
from diffusers import FluxPipeline
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from gitex.errors import SettingsError
from models.diffusion.adapter_switch import AdapterSwitch
from models.diffusion.conditioning import Conditioning, Layout
from models.diffusion.denoisers.protocol import Guidance
from models.diffusion.denoisers.text_encoders import check_complete, run_clip, run_t5

T5_TOKENS = 512
"""What diffusers' pipeline takes unless told otherwise."""
_PATCH = 2
_TRAINED_TIMESTEPS = 1000


class FluxDenoiser:
    """Rows are conditioned by `context` (tokens, width), `pooled` (width,) and, in dev, `guidance` (a number)."""

    guidance: Guidance = "embedded"

    def __init__(self, pipeline: FluxPipeline) -> None:
        """Raises `SettingsError` for a pipeline with an option that this adapter does not know."""
        check_complete(text_encoder=pipeline.text_encoder, text_encoder_2=pipeline.text_encoder_2)
        self._transformer = pipeline.transformer
        self._tokenizer, self._clip = pipeline.tokenizer, pipeline.text_encoder
        self._tokenizer_2, self._t5 = pipeline.tokenizer_2, pipeline.text_encoder_2
        self._switch = AdapterSwitch(pipeline)
        options = self._transformer.config
        channels: int = pipeline.vae.config.latent_channels
        if options.in_channels != channels * _PATCH**2 or self._transformer.out_channels != options.in_channels:
            raise SettingsError("only text-to-image transformers are supported", param="source")
        self._takes_guidance = bool(options.guidance_embeds)
        self.device: torch.device = self._transformer.device
        self.dtype: torch.dtype = self._transformer.dtype
        text = (("context", (T5_TOKENS, options.joint_attention_dim)), ("pooled", (options.pooled_projection_dim,)))
        self.layout: Layout = (text[0], ("guidance", ()), text[1]) if self._takes_guidance else text
        self.latent_channels = channels
        self.latent_factor: int = pipeline.vae_scale_factor
        self.side_multiple: int = pipeline.vae_scale_factor * _PATCH

    def encode(self, prompt: str, *, negative: bool = False) -> Conditioning:
        pooled = run_clip(self._tokenizer, self._clip, prompt).pooler_output[0]
        context = run_t5(self._tokenizer_2, self._t5, prompt, T5_TOKENS)
        return Conditioning({"context": context.to(self.dtype), "pooled": pooled.to(self.dtype)})

    def complete(self, encoded: Conditioning, *, width: int, height: int, guidance_scale: float) -> Conditioning:
        if not self._takes_guidance:
            return encoded
        scale = torch.tensor(guidance_scale, dtype=torch.float32)
        return encoded.with_tensors({"guidance": scale.to(self.device)})

    def use_adapters(self, adapters: tuple[tuple[str, float], ...]) -> None:
        self._switch.use(adapters)

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Mapping[str, Tensor]) -> Tensor:
        height, width = (side // _PATCH for side in latents.shape[-2:])
        predicted: Tensor = self._transformer(
            hidden_states=pixel_unshuffle(latents, _PATCH).flatten(2).transpose(1, 2),
            timestep=timesteps.to(latents.dtype) / _TRAINED_TIMESTEPS,
            guidance=conditioning.get("guidance"),
            encoder_hidden_states=conditioning["context"],
            pooled_projections=conditioning["pooled"],
            txt_ids=torch.zeros(conditioning["context"].shape[1], 3, dtype=latents.dtype, device=latents.device),
            img_ids=_make_positions(height, width, latents.device).to(latents.dtype),
            return_dict=False,
        )[0]
        return pixel_shuffle(predicted.transpose(1, 2).unflatten(2, (height, width)), _PATCH)


def _make_positions(height: int, width: int, device: torch.device) -> Tensor:
    """(height * width, 3): zero, row and column of each patch."""
    sides = torch.arange(height, device=device), torch.arange(width, device=device)
    rows, columns = torch.meshgrid(*sides, indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).flatten(0, 1)
