"""LoRA weights in miniature, written as diffusers' training scripts write them."""

from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, get_peft_model_state_dict

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


def save_tiny_lora(pipeline_folder: Path, folder: Path, *, seed: int, text: bool = False, rank: int = 4) -> Path:
    """For the denoiser's attention, and with `text` for the first text encoder's too."""
    pipeline: Any = DiffusionPipeline.from_pretrained(pipeline_folder, safety_checker=None)
    layers: dict[str, Any] = {}
    name = "unet" if "unet" in pipeline.components else "transformer"
    layers[f"{name}_lora_layers"] = _layers(pipeline.components[name], ATTENTION, seed, rank)
    if text:
        adapted = _layers(pipeline.text_encoder, ("q_proj", "k_proj", "v_proj", "out_proj"), seed + 1, rank)
        layers["text_encoder_lora_layers"] = convert_state_dict_to_diffusers(adapted)
    type(pipeline).save_lora_weights(folder, **layers)
    return folder


def _layers(network: torch.nn.Module, targets: tuple[str, ...], seed: int, rank: int) -> dict[str, torch.Tensor]:
    network.add_adapter(LoraConfig(r=rank, lora_alpha=rank, init_lora_weights=False, target_modules=list(targets)))
    generator = torch.Generator().manual_seed(seed)
    state = get_peft_model_state_dict(network)
    return {key: torch.randn(value.shape, generator=generator) for key, value in state.items()}
