"""Trains the autoencoder of `starter-diffusion`: a 4-channel latent of an eighth of the picture's side."""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny
from torch import Tensor
from tqdm import tqdm

from models.starter.recipe import Recipe
from models.starter.training import CPU, Checkpoint, descend, fast_arithmetic, save_sheet, warm_cosine

CROP, CROPS, GRID = 64, 16, 8


def train_autoencoder(pictures: Tensor, recipe: Recipe, work: Path, device: torch.device = CPU) -> AutoencoderTiny:
    """Learn to rebuild pictures (n, 3, side, side) in bytes: L1 + MSE on random crops, a little latent noise."""
    torch.manual_seed(recipe.seed)
    width, blocks = (40, 40, 40, 40), (1, 1, 1, 1)
    model = AutoencoderTiny(
        encoder_block_out_channels=width,
        decoder_block_out_channels=width,
        num_encoder_blocks=blocks,
        num_decoder_blocks=blocks,
    ).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.5e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    schedule = warm_cosine(optimizer, recipe.autoencoder_steps)
    checkpoint = Checkpoint(
        work / "autoencoder.checkpoint", recipe.sheet_every, model=model, optimizer=optimizer, schedule=schedule
    )
    progress = checkpoint.remaining(recipe.autoencoder_steps, "autoencoder")
    for step in progress:
        crops = _pixels(_draw_crops(pictures, CROPS), pictures).to(device)
        with fast_arithmetic(device):
            latents = model.encode(crops).latents
            rebuilt = model.decode(latents + 0.03 * torch.randn(latents.shape).to(latents)).sample.float()
        l1 = F.l1_loss(rebuilt, crops)
        descend(l1 + F.mse_loss(rebuilt, crops), model, optimizer, schedule)
        if step % 20 == 0:
            progress.set_postfix(l1=f"{l1.item():.3f}")
        checkpoint.after(step)
        if (step + 1) % recipe.sheet_every == 0 or step + 1 == recipe.autoencoder_steps:
            _pairs_sheet(model, pictures[:16], work / f"autoencoder-{step + 1:05d}.png")
    checkpoint.remove()
    return model.eval()


def sharpen(
    model: AutoencoderTiny,
    pictures: Tensor,
    latents: Tensor,
    recipe: Recipe,
    *,
    number: int,
    work: Path,
    device: torch.device = CPU,
) -> AutoencoderTiny:
    """Train the decoder alone on unscaled latents, mostly where there is detail: dots, pixels, thin lines.

    The encoder stays as it is, so the denoiser that is trained on these latents fits the sharper decoder. `number` is
    one of `recipe.decoder_rounds`; every round warms up and decays anew.
    """
    torch.manual_seed(recipe.seed + number)
    steps = recipe.decoder_rounds[number]
    model.to(device)
    decoder = model.decoder.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    schedule = warm_cosine(optimizer, steps)
    checkpoint = Checkpoint(
        work / f"decoder-{number}.checkpoint",
        recipe.sheet_every,
        decoder=decoder,
        optimizer=optimizer,
        schedule=schedule,
    )
    progress = checkpoint.remaining(steps, f"decoder {number}")
    for step in progress:
        wanted, codes = _detailed_crops(pictures, latents)
        noisy, wanted = (codes + 0.03 * torch.randn_like(codes)).to(device), wanted.to(device)
        with fast_arithmetic(device):
            rebuilt = model.decode(noisy).sample.float()
        l1 = F.l1_loss(rebuilt, wanted)
        descend(l1 + F.mse_loss(rebuilt, wanted), decoder, optimizer, schedule)
        if step % 20 == 0:
            progress.set_postfix(l1=f"{l1.item():.3f}")
        checkpoint.after(step)
        if (step + 1) % recipe.sheet_every == 0 or step + 1 == steps:
            _pairs_sheet(model, pictures[:16], work / f"decoder-{number}-{step + 1:05d}.png")
    checkpoint.remove()
    return model.eval()


@torch.no_grad()
def encode_all(model: AutoencoderTiny, pictures: Tensor, batch: int = 32, device: torch.device = CPU) -> Tensor:
    """Unscaled latents of every picture, shape (pictures, 4, side/8, side/8), on the CPU."""
    model.to(device, memory_format=torch.channels_last)
    with fast_arithmetic(device):
        parts = [
            model.encode(to_unit(part).to(device)).latents.float().cpu()
            for part in tqdm(pictures.split(batch), "encoding", mininterval=5)
        ]
    return torch.cat(parts).contiguous()


def to_unit(pictures: Tensor) -> Tensor:
    """Bytes to floats in -1..1."""
    return pictures.float() / 127.5 - 1


@torch.no_grad()
def _pairs_sheet(model: AutoencoderTiny, pictures: Tensor, path: Path) -> None:
    whole = to_unit(pictures).to(model.device)
    save_sheet(torch.cat([whole, model.decode(model.encode(whole).latents).sample]), path, columns=min(8, len(whole)))


class Crop(NamedTuple):
    """A picture's number and a corner in cells of the latent grid."""

    picture: int
    row: int
    column: int

    def of(self, pictures: Tensor, cell: int) -> Tensor:
        top, left, side = self.row * cell, self.column * cell, CROP // GRID * cell
        return pictures[self.picture, :, top : top + side, left : left + side]


def _draw_crops(pictures: Tensor, count: int) -> list[Crop]:
    """Crops on the grid of the latents, as whole pictures are: dots and pixels then always fall on it alike."""
    rows, columns = ((side - CROP) // GRID + 1 for side in pictures.shape[-2:])
    drawn = [torch.randint(limit, (count,)).tolist() for limit in (len(pictures), rows, columns)]
    return [Crop(*crop) for crop in zip(*drawn, strict=True)]


def _pixels(crops: list[Crop], pictures: Tensor) -> Tensor:
    return to_unit(torch.stack([crop.of(pictures, GRID) for crop in crops])).contiguous(
        memory_format=torch.channels_last
    )


def _detailed_crops(pictures: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
    """Crops and their latents, `CROPS` of four times as many, the likelier the more detail they have."""
    crops = _draw_crops(pictures, 4 * CROPS)
    pixels = _pixels(crops, pictures)
    detail = (pixels.diff(dim=2).abs().mean((1, 2, 3)) + pixels.diff(dim=3).abs().mean((1, 2, 3))) + 0.005
    chosen = torch.multinomial(detail, CROPS)
    codes = torch.stack([crops[i].of(latents, 1) for i in chosen.tolist()])
    return pixels[chosen].contiguous(memory_format=torch.channels_last), codes
