"""Miniature pipelines that no denoiser adapts: they run whole requests."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    StableDiffusionInpaintPipeline,
    UNet2DConditionModel,
)

from tests.unit.models.diffusion.tiny_parts import clip_encoder, clip_tokenizer, kl_autoencoder


def save_tiny_consistency_model(folder: Path) -> Path:
    """From text; its UNet has the guidance scale in its time embedding."""
    return _save(LatentConsistencyModelPipeline, LCMScheduler(), folder, time_cond_proj_dim=16)


def save_tiny_inpainting(folder: Path) -> Path:
    """From a picture and its mask, which its UNet sees beside the latents."""
    scheduler = DDIMScheduler(clip_sample=False, steps_offset=1)
    return _save(StableDiffusionInpaintPipeline, scheduler, folder, in_channels=9)


def _save(kind: Any, scheduler: Any, folder: Path, **unet: Any) -> Path:
    torch.manual_seed(19)
    tokenizer = clip_tokenizer()
    pipeline = kind(
        vae=kl_autoencoder(),
        text_encoder=clip_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=_unet(**unet),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _unet(**options: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=4,
        **{"in_channels": 4, **options},
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
