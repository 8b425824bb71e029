"""Trains `starter-diffusion`: a latent diffusion model in the folder layout of `StableDiffusionPipeline`.

Stages, each seeded: a tiny autoencoder on crops; every picture encoded once; the decoder trained on alone; the text
encoder taught the words; a text-conditioned UNet in the latent space; the UNet again, on what it found hard. What the
UNet has learnt part of the way is version 1, its end version 2.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from models.starter.autoencoder import encode_all, sharpen, train_autoencoder
from models.starter.denoiser import SIDE, new_unet, noise_schedule, train_denoiser
from models.starter.pictures import Picture, draw_all, hard_pictures, training_pictures
from models.starter.recipe import Recipe
from models.starter.refining import refine_denoiser
from models.starter.text_encoder import new_text_encoder, new_tokenizer, teach_words
from models.starter.training import CPU

S = TypeVar("S", AutoencoderTiny, CLIPTextModel, StableDiffusionPipeline)
PART = 4_000


def train(out: Path, work: Path, recipe: Recipe, device: torch.device = CPU) -> None:
    """Train all stages and save the two versions as `out`-1 and `out`-2 (half precision). Sheets go to `work`.

    A stage whose result lies in `work` is not done again, and one that was interrupted goes on from its checkpoint.
    """
    pictures = training_pictures(recipe.emblems, recipe.postcards, recipe.seed)
    autoencoder = _stage(
        work / "autoencoder", AutoencoderTiny, lambda: train_autoencoder(draw_all(pictures, SIDE), recipe, work, device)
    )
    latents = _encoded(
        work / "latents.safetensors", lambda: encode_all(autoencoder, draw_all(pictures, SIDE), device=device)
    )
    scaling_factor = round(1 / float(latents.std()), 4)
    autoencoder.register_to_config(scaling_factor=scaling_factor)
    tokenizer = new_tokenizer(pictures, recipe)
    encoder = _stage(
        work / "text",
        CLIPTextModel,
        lambda: teach_words(new_text_encoder(tokenizer), tokenizer, pictures, recipe, work=work, device=device),
    )
    torch.manual_seed(recipe.seed)
    pipeline = _assembled(autoencoder, encoder, tokenizer)

    def keep_first(pipeline: StableDiffusionPipeline) -> None:
        pipeline.save_pretrained(work / "first", safe_serialization=True)

    last = _stage(
        work / "last",
        StableDiffusionPipeline,
        lambda: train_denoiser(
            pipeline, latents * scaling_factor, pictures, recipe, work=work, keep_first=keep_first, device=device
        ),
    )
    hard = hard_pictures(recipe.hard_emblems, recipe.hard_postcards, recipe.seed + 1)
    hard_latents = _encoded(work / "hard-latents.safetensors", lambda: _encode_in_parts(autoencoder, hard, device))
    refined = _stage(
        work / "refined",
        StableDiffusionPipeline,
        lambda: refine_denoiser(last, hard_latents * scaling_factor, hard, recipe, work=work, device=device),
    )
    sharp = autoencoder
    for number in range(len(recipe.decoder_rounds)):
        more = partial(
            sharpen, sharp, draw_all(pictures, SIDE), latents, recipe, number=number, work=work, device=device
        )
        sharp = _stage(work / f"decoder-{number}", AutoencoderTiny, more)
    sharp.register_to_config(scaling_factor=scaling_factor)
    for version, trained in enumerate((StableDiffusionPipeline.from_pretrained(work / "first"), refined), start=1):
        folder = out.with_name(f"{out.name}-{version}")
        trained.vae = sharp
        trained.to(torch.float16).save_pretrained(folder, safe_serialization=True)
        _forget_where_it_was_made(folder)


def _stage(folder: Path, kind: type[S], make: Callable[[], S]) -> S:
    """What was saved under `folder`, or else made now and saved there."""
    if not folder.exists():
        made = make()
        made.save_pretrained(folder, safe_serialization=True)
    loaded: S = kind.from_pretrained(folder)
    return loaded


def _encoded(path: Path, make: Callable[[], Tensor]) -> Tensor:
    if not path.exists():
        save_file({"latents": make()}, path)
    return load_file(path)["latents"]


def _encode_in_parts(autoencoder: AutoencoderTiny, pictures: list[Picture], device: torch.device) -> Tensor:
    """As `encode_all`, with no more than a part of the pictures drawn at a time: all of them would take gigabytes."""
    parts = [pictures[i : i + PART] for i in range(0, len(pictures), PART)]
    return torch.cat([encode_all(autoencoder, draw_all(part, SIDE), device=device) for part in parts])


def _assembled(
    autoencoder: AutoencoderTiny, encoder: CLIPTextModel, tokenizer: CLIPTokenizer
) -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=encoder,
        tokenizer=tokenizer,
        unet=new_unet(),
        scheduler=noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _forget_where_it_was_made(folder: Path) -> None:
    """Take this machine's paths out of the configurations: they mean nothing elsewhere and would change the digest."""
    for path in folder.rglob("*.json"):
        fields = json.loads(path.read_text())
        if fields.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(fields, indent=2) + "\n")
