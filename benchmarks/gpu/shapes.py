"""Pipelines of a public model's shape with random weights: they cost what the trained ones cost."""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from models.starter.tokenizers import train_clip_tokenizer


@dataclass(frozen=True)
class Shape:
    """Sizes of a model's parts, as its public configuration gives them."""

    side: int
    """Of the pictures that it was trained on, in pixels."""
    unet: dict[str, Any]
    autoencoder: dict[str, Any]
    text: tuple[dict[str, Any], ...]
    """One text encoder, or Stable Diffusion XL's two."""


_CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_CLIP_BIG_G = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "hidden_act": "gelu",
}
_KL = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "latent_channels": 4,
}
_TINY_TEXT = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_TINY_KL = {**_KL, "block_out_channels": (8,) * 4, "layers_per_block": 1, "norm_num_groups": 4}
_XL_BLOCKS = {
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
}
SHAPES = {
    "sdxl": Shape(
        side=1024,
        unet={
            **_XL_BLOCKS,
            "sample_size": 128,
            "block_out_channels": (320, 640, 1280),
            "transformer_layers_per_block": (1, 2, 10),
            "attention_head_dim": (5, 10, 20),
            "cross_attention_dim": 2048,
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        autoencoder={**_KL, "scaling_factor": 0.13025, "sample_size": 1024},
        text=(_CLIP_L, _CLIP_BIG_G),
    ),
    "sd15": Shape(
        side=512,
        unet={"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
        autoencoder={**_KL, "sample_size": 512},
        text=(_CLIP_L,),
    ),
    "tiny-xl": Shape(
        side=64,
        unet={
            **_XL_BLOCKS,
            "sample_size": 8,
            "block_out_channels": (8, 16, 16),
            "layers_per_block": 1,
            "transformer_layers_per_block": (1, 1, 1),
            "attention_head_dim": (2, 2, 2),
            "cross_attention_dim": 32,
            "addition_time_embed_dim": 4,
            "projection_class_embeddings_input_dim": 40,
            "norm_num_groups": 4,
        },
        autoencoder=_TINY_KL,
        text=(_TINY_TEXT, {**_TINY_TEXT, "projection_dim": 16}),
    ),
}


def build(
    shape: Shape, device: torch.device, dtype: torch.dtype
) -> StableDiffusionPipeline | StableDiffusionXLPipeline:
    """The pipeline with seeded random weights, its Euler schedule that of Stable Diffusion."""
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)  # billions of weights are not made in float32 first
    try:
        with torch.device(device):
            parts = _networks(shape)
    finally:
        torch.set_default_dtype(torch.float32)
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading"
    )
    if len(shape.text) == 2:
        return StableDiffusionXLPipeline(**parts, scheduler=scheduler, add_watermarker=False)
    return StableDiffusionPipeline(
        **parts, scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )


def _networks(shape: Shape) -> dict[str, Any]:
    tokenizer = train_clip_tokenizer(["a photograph of an astronaut riding a horse"], vocabulary=600, max_length=77)
    parts: dict[str, Any] = {
        "unet": UNet2DConditionModel(**shape.unet).eval(),
        "vae": AutoencoderKL(**shape.autoencoder).eval(),
        "tokenizer": tokenizer,
        "text_encoder": CLIPTextModel(_text_config(shape.text[0], tokenizer)).eval(),
    }
    if len(shape.text) == 2:
        parts["tokenizer_2"] = tokenizer
        parts["text_encoder_2"] = CLIPTextModelWithProjection(_text_config(shape.text[1], tokenizer)).eval()
    return parts


def _text_config(sizes: dict[str, Any], tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    return CLIPTextConfig(vocab_size=49_408, max_position_embeddings=77, **special, **sizes)
