"""Flux in miniature: pictures of 32x32 pixels, with embedded guidance (dev) and without (schnell)."""

from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

from tests.unit.models.diffusion.tiny_parts import (
    amplify,
    clip_encoder,
    clip_tokenizer,
    kl_autoencoder,
    t5_encoder,
    t5_tokenizer,
)

JOINT, POOLED = 32, 16


def save_tiny_flux(folder: Path, *, dev: bool = True) -> Path:
    torch.manual_seed(17)
    tokenizer, tokenizer_2 = clip_tokenizer(), t5_tokenizer()
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
        if dev
        else FlowMatchEulerDiscreteScheduler(shift=1.0),
        vae=kl_autoencoder(channels=4, scaling=0.3611, shift=0.1159),
        text_encoder=clip_encoder(tokenizer, width=POOLED),
        tokenizer=tokenizer,
        text_encoder_2=t5_encoder(tokenizer_2, width=JOINT),
        tokenizer_2=tokenizer_2,
        transformer=_transformer(dev),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _transformer(guidance: bool) -> FluxTransformer2DModel:
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=JOINT,
        pooled_projection_dim=POOLED,
        guidance_embeds=guidance,
        axes_dims_rope=(4, 4, 8),
    )
    amplify(transformer, "norm_out.linear.weight", 10)
    amplify(transformer, "proj_out.weight", 3)
    return transformer
