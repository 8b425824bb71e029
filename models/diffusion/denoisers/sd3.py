"""`SD3Transformer2DModel` with two CLIP text encoders and an optional T5: Stable Diffusion 3 (arXiv:2403.03206)."""

from collections.abc import Mapping

import torch
from diffusers import StableDiffusion3Pipeline
from torch import Tensor
from torch.nn.functional import pad

from gitex.errors import SettingsError
from models.diffusion.adapter_switch import AdapterSwitch
from models.diffusion.conditioning import Conditioning, Layout
from models.diffusion.denoisers.protocol import Guidance
from models.diffusion.denoisers.text_encoders import check_complete, run_clip, run_t5

T5_TOKENS = 256
"""What diffusers' pipeline takes unless told otherwise."""


class StableDiffusion3Denoiser:
    """Rows are conditioned by `context` (CLIP tokens, then T5 tokens; width) and `pooled` (width,)."""

    guidance: Guidance = "classifier-free"

    def __init__(self, pipeline: StableDiffusion3Pipeline) -> None:
        """Raises `SettingsError` for a pipeline with an option that this adapter does not know."""
        check_complete(text_encoder=pipeline.text_encoder, text_encoder_2=pipeline.text_encoder_2)
        self._transformer = pipeline.transformer
        self._clips = ((pipeline.tokenizer, pipeline.text_encoder), (pipeline.tokenizer_2, pipeline.text_encoder_2))
        self._t5 = (pipeline.tokenizer_3, pipeline.text_encoder_3)
        self._switch = AdapterSwitch(pipeline)
        options = self._transformer.config
        if options.patch_size != 2:  # the flow sampler counts patches of that size when it shifts its schedule
            raise SettingsError(f"patch_size {options.patch_size} is not supported", param="source")
        if options.in_channels != pipeline.vae.config.latent_channels:
            raise SettingsError("only text-to-image transformers are supported", param="source")
        if pipeline.tokenizer.model_max_length != pipeline.tokenizer_2.model_max_length:
            raise SettingsError("two tokenizers of different lengths are not supported", param="source")
        self._width: int = options.joint_attention_dim
        self.device: torch.device = self._transformer.device
        self.dtype: torch.dtype = self._transformer.dtype
        self.layout: Layout = (
            ("context", (pipeline.tokenizer.model_max_length + T5_TOKENS, self._width)),
            ("pooled", (options.pooled_projection_dim,)),
        )
        self.latent_channels: int = options.in_channels
        self.latent_factor: int = pipeline.vae_scale_factor
        self.side_multiple: int = pipeline.vae_scale_factor * options.patch_size

    def encode(self, prompt: str, *, negative: bool = False) -> Conditioning:
        first, second = (run_clip(tokenizer, encoder, prompt) for tokenizer, encoder in self._clips)
        clip = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)[0]
        context = torch.cat([pad(clip, (0, self._width - clip.shape[-1])), self._encode_t5(prompt)])
        pooled = torch.cat([first.text_embeds, second.text_embeds], dim=-1)[0]
        return Conditioning({"context": context.to(self.dtype), "pooled": pooled.to(self.dtype)})

    def complete(self, encoded: Conditioning, *, width: int, height: int, guidance_scale: float) -> Conditioning:
        return encoded

    def use_adapters(self, adapters: tuple[tuple[str, float], ...]) -> None:
        self._switch.use(adapters)

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Mapping[str, Tensor]) -> Tensor:
        predicted: Tensor = self._transformer(
            hidden_states=latents,
            timestep=timesteps,
            encoder_hidden_states=conditioning["context"],
            pooled_projections=conditioning["pooled"],
            return_dict=False,
        )[0]
        return predicted

    def _encode_t5(self, prompt: str) -> Tensor:
        tokenizer, encoder = self._t5
        if encoder is None:  # it was trained to do without, given zeros
            return torch.zeros(T5_TOKENS, self._width, dtype=self.dtype, device=self.device)
        return run_t5(tokenizer, encoder, prompt, T5_TOKENS)
