"""Denoisers: what turns text into conditioning and predicts noise. One adapter for each architecture."""

from typing import Protocol

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from gitex.errors import SettingsError


class Denoiser(Protocol):
    """One loaded network with its text encoder, on one device. Used by one thread only."""

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the rows of a forward pass, and of the initial noise."""

    @property
    def context_shape(self) -> tuple[int, int]:
        """(tokens, width) of every encoded prompt."""

    @property
    def latent_channels(self) -> int: ...

    @property
    def latent_factor(self) -> int:
        """Pixels of the picture's side to one of the latents' side."""

    def encode(self, prompt: str) -> Tensor:
        """The prompt as (tokens, width). Tokens over the model's limit are cut off."""

    def predict(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """One forward pass: (rows, c, h, w), float32 (rows,) and (rows, tokens, width) to (rows, c, h, w)."""


class StableDiffusionDenoiser:
    """`UNet2DConditionModel` with one CLIP text encoder: Stable Diffusion 1.x and 2.x."""

    def __init__(self, pipeline: StableDiffusionPipeline) -> None:
        self._unet = pipeline.unet
        self._text_encoder = pipeline.text_encoder
        self._tokenizer = pipeline.tokenizer
        self._factor: int = pipeline.vae_scale_factor
        self._masks = bool(self._text_encoder.config.to_dict().get("use_attention_mask", False))
        for option in ("time_cond_proj_dim", "class_embed_type", "addition_embed_type", "encoder_hid_dim_type"):
            if self._unet.config[option] is not None:
                raise SettingsError(f"UNets with {option} are not supported", param="source")
        if self._unet.config.in_channels != pipeline.vae.config.latent_channels:
            raise SettingsError("only text-to-image UNets are supported, not inpainting ones", param="source")

    @property
    def device(self) -> torch.device:
        device: torch.device = self._unet.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self._unet.dtype
        return dtype

    @property
    def context_shape(self) -> tuple[int, int]:
        return self._tokenizer.model_max_length, self._text_encoder.config.hidden_size

    @property
    def latent_channels(self) -> int:
        channels: int = self._unet.config.in_channels
        return channels

    @property
    def latent_factor(self) -> int:
        return self._factor

    def encode(self, prompt: str) -> Tensor:
        tokens = self._tokenizer(
            prompt,
            padding="max_length",
            max_length=self._tokenizer.model_max_length,
            truncation=True,  # as diffusers does; a door may refuse long prompts before they come here
            return_tensors="pt",
        ).to(self.device)
        mask = tokens.attention_mask if self._masks else None
        encoded: Tensor = self._text_encoder(tokens.input_ids, attention_mask=mask)[0][0]
        return encoded.to(self.dtype)

    def predict(self, latents: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        predicted: Tensor = self._unet(latents, timesteps, encoder_hidden_states=context, return_dict=False)[0]
        return predicted
