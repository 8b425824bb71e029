"""Stable Diffusion XL in miniature: pictures of 32x32 pixels."""

from pathlib import Path

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

from tests.unit.models.diffusion.tiny_parts import amplify, clip_encoder, clip_tokenizer, kl_autoencoder

PROJECTION, TIME = 24, 8


def save_tiny_sdxl(folder: Path, *, zeros_for_no_negative: bool = True) -> Path:
    torch.manual_seed(11)
    tokenizer = clip_tokenizer()
    pipeline = StableDiffusionXLPipeline(
        vae=kl_autoencoder(scaling=0.13025),
        text_encoder=clip_encoder(tokenizer),
        text_encoder_2=clip_encoder(tokenizer, width=24, projection=PROJECTION),
        tokenizer=tokenizer,
        tokenizer_2=clip_tokenizer(),
        unet=_unet(),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="leading",
        ),
        force_zeros_for_empty_prompt=zeros_for_no_negative,
        add_watermarker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _unet() -> UNet2DConditionModel:
    unet = UNet2DConditionModel(
        sample_size=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16 + 24,
        attention_head_dim=(2, 4),
        transformer_layers_per_block=(1, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME,
        projection_class_embeddings_input_dim=6 * TIME + PROJECTION,
        norm_num_groups=4,
    )
    amplify(unet, "add_embedding.linear_2.weight", 8)
    return unet
