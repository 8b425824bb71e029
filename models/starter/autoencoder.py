"""Trains the autoencoder of `starter-diffusion`: a 4-channel latent of an eighth of the picture's side."""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from torch import Tensor
from tqdm import tqdm

from models.starter.recipe import Recipe
from models.starter.training import descend, save_sheet, warm_cosine


def train_autoencoder(pictures: Tensor, recipe: Recipe, work: Path) -> AutoencoderTiny:
    """Learn a 4-channel latent of an eighth of the side; L1 + MSE on random 64x64 crops, a little latent noise."""
    torch.manual_seed(recipe.seed)
    width, blocks = (40, 40, 40, 40), (1, 1, 1, 1)
    model = AutoencoderTiny(
        encoder_block_out_channels=width,
        decoder_block_out_channels=width,
        num_encoder_blocks=blocks,
        num_decoder_blocks=blocks,
    ).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    schedule = warm_cosine(optimizer, recipe.autoencoder_steps)
    progress = tqdm(range(recipe.autoencoder_steps), "autoencoder", mininterval=5)
    for step in progress:
        crops = _to_unit(_random_crops(pictures, count=12, side=64))
        latents = model.encode(crops).latents
        rebuilt = model.decode(latents + 0.03 * torch.randn_like(latents)).sample
        loss = F.l1_loss(rebuilt, crops) + F.mse_loss(rebuilt, crops)
        descend(loss, model, optimizer, schedule)
        if step % 20 == 0:
            progress.set_postfix(l1=f"{F.l1_loss(rebuilt, crops).item():.3f}")
        if (step + 1) % recipe.sheet_every == 0 or step + 1 == recipe.autoencoder_steps:
            with torch.no_grad():
                whole = _to_unit(pictures[:16])
                pairs = torch.cat([whole, model.decode(model.encode(whole).latents).sample])
            save_sheet(pairs, work / f"autoencoder-{step + 1:05d}.png", columns=8)
    return model.eval()


def sharpen(model: AutoencoderTiny, pictures: Tensor, latents: Tensor, recipe: Recipe, work: Path) -> AutoencoderTiny:
    """Train the decoder alone some more. The encoder stays, so the latents that were encoded stay true."""
    torch.manual_seed(recipe.seed + 1)
    decoder = model.decoder.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=1.2e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    schedule = warm_cosine(optimizer, recipe.decoder_steps)
    progress = tqdm(range(recipe.decoder_steps), "decoder", mininterval=5)
    for step in progress:
        chosen = torch.randint(len(latents), (4,))
        wanted = _to_unit(pictures[chosen])
        rebuilt = model.decode(latents[chosen] + 0.03 * torch.randn(len(chosen), *latents.shape[1:])).sample
        loss = F.l1_loss(rebuilt, wanted) + F.mse_loss(rebuilt, wanted)
        descend(loss, decoder, optimizer, schedule)
        if step % 20 == 0:
            progress.set_postfix(l1=f"{F.l1_loss(rebuilt, wanted).item():.3f}")
    with torch.no_grad():
        pairs = torch.cat([_to_unit(pictures[:16]), model.decode(latents[:16]).sample])
    save_sheet(pairs, work / "decoder.png", columns=8)
    return model.eval()


@torch.no_grad()
def encode_all(model: AutoencoderTiny, pictures: Tensor, batch: int = 32) -> Tensor:
    """Unscaled latents of every picture, shape (pictures, 4, side/8, side/8)."""
    model.to(memory_format=torch.channels_last)
    latents = [model.encode(_to_unit(part)).latents for part in tqdm(pictures.split(batch), "encoding")]
    return torch.cat(latents).contiguous()


def _random_crops(pictures: Tensor, count: int, side: int) -> Tensor:
    height, width = pictures.shape[-2:]
    corners = zip(
        torch.randint(len(pictures), (count,)).tolist(),
        torch.randint(height - side + 1, (count,)).tolist(),
        torch.randint(width - side + 1, (count,)).tolist(),
        strict=True,
    )
    return torch.stack([pictures[i, :, top : top + side, left : left + side] for i, top, left in corners])


def _to_unit(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1
