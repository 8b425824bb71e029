"""`UNet2DConditionModel` with two CLIP text encoders and the picture's size: Stable Diffusion XL (arXiv:2307.01952)."""

from collections.abc import Mapping

import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from gitex.errors import SettingsError
from models.diffusion.adapter_switch import AdapterSwitch
from models.diffusion.conditioning import Conditioning, Layout
from models.diffusion.denoisers.protocol import Guidance
from models.diffusion.denoisers.text_encoders import check_complete, run_clip


class StableDiffusionXlDenoiser:
    """Rows are conditioned by `context` (tokens, width), `pooled` (width,) and `time_ids` (6,)."""

    guidance: Guidance = "classifier-free"

    def __init__(self, pipeline: StableDiffusionXLPipeline) -> None:
        """Raises `SettingsError` for a pipeline with an option that this adapter does not know."""
        self._unet = pipeline.unet
        self._encoders = (pipeline.text_encoder, pipeline.text_encoder_2)
        self._tokenizers = (pipeline.tokenizer, pipeline.tokenizer_2)
        self._zeros_for_no_negative = bool(pipeline.config.force_zeros_for_empty_prompt)
        self._switch = AdapterSwitch(pipeline)
        self._check(pipeline)
        widths = [encoder.config.hidden_size for encoder in self._encoders]
        self.device: torch.device = self._unet.device
        self.dtype: torch.dtype = self._unet.dtype
        self.layout: Layout = (
            ("context", (self._tokenizers[0].model_max_length, sum(widths))),
            ("pooled", (self._encoders[1].config.projection_dim,)),
            ("time_ids", (6,)),
        )
        self.latent_channels: int = self._unet.config.in_channels
        self.latent_factor: int = pipeline.vae_scale_factor
        self.side_multiple: int = pipeline.vae_scale_factor

    def _check(self, pipeline: StableDiffusionXLPipeline) -> None:
        options = self._unet.config
        check_complete(text_encoder=pipeline.text_encoder, text_encoder_2=pipeline.text_encoder_2)
        for option in ("time_cond_proj_dim", "class_embed_type", "encoder_hid_dim_type"):
            if options[option] is not None:
                raise SettingsError(f"UNets with {option} are not supported", param="source")
        if options.addition_embed_type != "text_time":
            raise SettingsError(f"addition_embed_type {options.addition_embed_type!r} is not supported", param="source")
        width = 6 * options.addition_time_embed_dim + pipeline.text_encoder_2.config.projection_dim
        if self._unet.add_embedding.linear_1.in_features != width:
            raise SettingsError("only UNets with six time ids are supported, not refiners", param="source")
        if options.in_channels != pipeline.vae.config.latent_channels:
            raise SettingsError("only text-to-image UNets are supported, not inpainting ones", param="source")
        if pipeline.tokenizer.model_max_length != pipeline.tokenizer_2.model_max_length:
            raise SettingsError("two tokenizers of different lengths are not supported", param="source")

    def encode(self, prompt: str, *, negative: bool = False) -> Conditioning:
        # An empty negative prompt is one that was not given; Stable Diffusion XL was trained with zeros for those.
        if negative and not prompt and self._zeros_for_no_negative:
            shapes = dict(self.layout)
            return Conditioning({name: self._zeros(shapes[name]) for name in ("context", "pooled")})
        first, second = (
            run_clip(tokenizer, encoder, prompt)
            for tokenizer, encoder in zip(self._tokenizers, self._encoders, strict=True)
        )
        context = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)[0]
        return Conditioning({"context": context.to(self.dtype), "pooled": second.text_embeds[0].to(self.dtype)})

    def complete(self, encoded: Conditioning, *, width: int, height: int, guidance_scale: float) -> Conditioning:
        # Original size, top left corner of the crop, target size: an uncropped picture of its own size.
        sizes = torch.tensor([height, width, 0, 0, height, width], dtype=self.dtype)
        return encoded.with_tensors({"time_ids": sizes.to(self.device)})

    def use_adapters(self, adapters: tuple[tuple[str, float], ...]) -> None:
        self._switch.use(adapters)

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Mapping[str, Tensor]) -> Tensor:
        predicted: Tensor = self._unet(
            latents,
            timesteps,
            encoder_hidden_states=conditioning["context"],
            added_cond_kwargs={"text_embeds": conditioning["pooled"], "time_ids": conditioning["time_ids"]},
            return_dict=False,
        )[0]
        return predicted

    def _zeros(self, shape: tuple[int, ...]) -> Tensor:
        return torch.zeros(shape, dtype=self.dtype, device=self.device)
