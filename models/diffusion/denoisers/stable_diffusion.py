"""`UNet2DConditionModel` with one CLIP text encoder: Stable Diffusion 1.x and 2.x (arXiv:2112.10752)."""

from collections.abc import Mapping

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from gitex.errors import SettingsError
from models.diffusion.adapter_switch import AdapterSwitch
from models.diffusion.conditioning import Conditioning, Layout
from models.diffusion.denoisers.protocol import Guidance


class StableDiffusionDenoiser:
    """Rows are conditioned by `context`, shape (tokens, width)."""

    guidance: Guidance = "classifier-free"

    def __init__(self, pipeline: StableDiffusionPipeline) -> None:
        """Raises `SettingsError` for a pipeline with an option that this adapter does not know."""
        self._unet = pipeline.unet
        self._text_encoder = pipeline.text_encoder
        self._tokenizer = pipeline.tokenizer
        self._masks = bool(self._text_encoder.config.to_dict().get("use_attention_mask", False))
        self._switch = AdapterSwitch(pipeline)
        for option in ("time_cond_proj_dim", "class_embed_type", "addition_embed_type", "encoder_hid_dim_type"):
            if self._unet.config[option] is not None:
                raise SettingsError(f"UNets with {option} are not supported", param="source")
        if self._unet.config.in_channels != pipeline.vae.config.latent_channels:
            raise SettingsError("only text-to-image UNets are supported, not inpainting ones", param="source")
        self.device: torch.device = self._unet.device
        self.dtype: torch.dtype = self._unet.dtype
        self.layout: Layout = (("context", (self._tokenizer.model_max_length, self._text_encoder.config.hidden_size)),)
        self.latent_channels: int = self._unet.config.in_channels
        self.latent_factor: int = pipeline.vae_scale_factor
        self.side_multiple: int = pipeline.vae_scale_factor

    def encode(self, prompt: str, *, negative: bool = False) -> Conditioning:
        tokens = self._tokenizer(
            prompt,
            padding="max_length",
            max_length=self._tokenizer.model_max_length,
            truncation=True,  # as diffusers does; a door may refuse long prompts before they come here
            return_tensors="pt",
        ).to(self.device)
        mask = tokens.attention_mask if self._masks else None
        encoded: Tensor = self._text_encoder(tokens.input_ids, attention_mask=mask)[0][0]
        return Conditioning({"context": encoded.to(self.dtype)})

    def complete(self, encoded: Conditioning, *, width: int, height: int, guidance_scale: float) -> Conditioning:
        return encoded

    def use_adapters(self, adapters: tuple[tuple[str, float], ...]) -> None:
        self._switch.use(adapters)

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Mapping[str, Tensor]) -> Tensor:
        predicted: Tensor = self._unet(
            latents, timesteps, encoder_hidden_states=conditioning["context"], return_dict=False
        )[0]
        return predicted
