"""Stable Diffusion 3 in miniature: pictures of 32x32 pixels, with and without T5."""

from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

from tests.unit.models.diffusion.tiny_parts import (
    amplify,
    clip_encoder,
    clip_tokenizer,
    kl_autoencoder,
    t5_encoder,
    t5_tokenizer,
)

JOINT = 64


def save_tiny_sd3(folder: Path, *, with_t5: bool = True, **schedule: Any) -> Path:
    torch.manual_seed(13)
    tokenizer, tokenizer_3 = clip_tokenizer(), t5_tokenizer()
    pipeline = StableDiffusion3Pipeline(
        transformer=_transformer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, **schedule),
        vae=kl_autoencoder(channels=4, scaling=1.5305, shift=0.0609),
        text_encoder=clip_encoder(tokenizer, projection=16),
        tokenizer=tokenizer,
        text_encoder_2=clip_encoder(tokenizer, width=24, projection=24),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5_encoder(tokenizer_3, width=JOINT) if with_t5 else None,
        tokenizer_3=tokenizer_3 if with_t5 else None,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _transformer() -> SD3Transformer2DModel:
    transformer = SD3Transformer2DModel(
        sample_size=8,
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=JOINT,
        caption_projection_dim=32,
        pooled_projection_dim=16 + 24,
        out_channels=4,
        pos_embed_max_size=16,
        dual_attention_layers=(0,),
        qk_norm="rms_norm",
    )
    amplify(transformer, "norm_out.linear.weight", 10)
    amplify(transformer, "proj_out.weight", 3)
    return transformer
