"""Trains the UNet of `starter-diffusion` further, on what it found hard, and leaves the text encoder as it is.

After the denoiser's own stage every word of a prompt is understood, but small shapes, dots, thin lines and ridges come
out of shape, and faint things vanish. They weigh little in a mean over all cells of the latent, and a random picture
seldom shows them. Here they count more: in the pictures drawn, in the cells of the loss, and in the times.
"""

import random
from collections import deque
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from diffusers.models.attention_processor import AttnProcessor
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from models.starter.denoiser import noised, prompts_of, sample_sheet
from models.starter.pictures import Picture
from models.starter.recipe import Recipe
from models.starter.text_encoder import token_ids
from models.starter.training import CPU, Checkpoint, descend, fast_arithmetic, warm_cosine

EDGE_WEIGHT, MOST_FOR_FAINT, USUAL_CONTRAST = 4.0, 3.0, 1.5
MIDDLE = (200, 800)
"""Times at which shapes and ridges are decided; image-to-image at a strength of 0.5 begins among them."""


def refine_denoiser(
    pipeline: StableDiffusionPipeline,
    latents: Tensor,
    pictures: list[Picture],
    recipe: Recipe,
    *,
    work: Path,
    device: torch.device = CPU,
) -> StableDiffusionPipeline:
    """Train the UNet of `pipeline` in place on scaled latents (n, 4, h, w) of `pictures`.

    Ends with the averaged weights in the pipeline.
    """
    torch.manual_seed(recipe.seed + 1)
    pipeline.to(device)
    # Plain attention: as in the stage before.
    pipeline.unet.set_attn_processor(AttnProcessor())
    pipeline.text_encoder.eval()
    unet = pipeline.unet.train()
    averaged = EMAModel(unet.parameters(), decay=0.999)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99), weight_decay=1e-3)
    schedule = warm_cosine(optimizer, recipe.refining_steps, warm=200)
    checkpoint = Checkpoint(
        work / "refining.checkpoint",
        recipe.sheet_every,
        unet=unet,
        averaged=averaged,
        optimizer=optimizer,
        schedule=schedule,
    )
    progress = checkpoint.remaining(recipe.refining_steps, "refining")
    averaged.to(device)
    losses: deque[float] = deque(maxlen=200)
    for step in progress:
        chosen = torch.randint(len(latents), (recipe.batch,))
        rng = random.Random(f"{recipe.seed} refining {step}")
        texts = prompts_of([pictures[i] for i in chosen.tolist()], recipe, rng)
        loss = _loss(pipeline, latents[chosen], token_ids(pipeline.tokenizer, texts), device)
        descend(loss, unet, optimizer, schedule)
        averaged.step(unet.parameters())
        losses.append(loss.item())
        progress.set_postfix(loss=f"{sum(losses) / len(losses):.4f}", refresh=False)
        done = step + 1
        if done % recipe.sheet_every == 0 or done == recipe.refining_steps:
            averaged.store(unet.parameters())
            averaged.copy_to(unet.parameters())
            sample_sheet(pipeline, recipe.sheet_steps, work / f"refining-{done:05d}.png")
            averaged.restore(unet.parameters())
        checkpoint.after(step)
    averaged.copy_to(unet.parameters())
    unet.eval()
    checkpoint.remove()
    return pipeline


def _loss(pipeline: StableDiffusionPipeline, clean: Tensor, ids: Tensor, device: torch.device) -> Tensor:
    """Squared error of the velocity, more of it at edges, at times of which more lie in the middle."""
    timestep = _times(len(clean))
    noisy, wanted = noised(pipeline.scheduler.alphas_cumprod, clean, timestep)
    with fast_arithmetic(device):
        with torch.no_grad():
            context = pipeline.text_encoder(ids.to(device))[0]
        velocity = pipeline.unet(noisy.to(device), timestep.to(device), context).sample
    error = (velocity.float() - wanted.to(device)).square()
    return (error * cell_weights(clean).to(device)).mean()


def _times(count: int) -> Tensor:
    """Half of them anywhere in 0..999, half in the middle."""
    anywhere, middle = torch.randint(1000, (count,)), torch.randint(*MIDDLE, (count,))
    return torch.where(torch.rand(count) < 0.5, anywhere, middle)


def cell_weights(latents: Tensor) -> Tensor:
    """How much each cell of latents (n, 4, h, w) counts, shape (n, 1, h, w).

    Where a picture changes most from cell to cell up to `EDGE_WEIGHT`, where nothing changes 1. A picture of low
    contrast counts more as a whole, up to `MOST_FOR_FAINT`: blue on purple differs little even when it is wrong.
    """
    pad = nn.functional.pad
    down, across = latents.diff(dim=2).norm(dim=1), latents.diff(dim=3).norm(dim=1)
    sides = (pad(down, (0, 0, 0, 1)), pad(down, (0, 0, 1, 0)), pad(across, (0, 1)), pad(across, (1, 0)))
    changes = torch.stack(sides).amax(0)
    contrast = changes.flatten(1).quantile(0.98, dim=1)[:, None, None]
    edge = (changes / (0.35 * contrast)).clamp(max=1)
    faint = (USUAL_CONTRAST / contrast).clamp(1 / 1.5, MOST_FOR_FAINT)
    return (faint * (1 + (EDGE_WEIGHT - 1) * edge))[:, None]
