"""Trains the UNet of `starter-diffusion` in the latent space, its text encoder along with it."""

import random
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from models.starter.emblems import COLOURS, SHAPES, STYLES, Emblem
from models.starter.pictures import Picture
from models.starter.postcards import POSTCARD_STYLES, Postcard
from models.starter.prompts import prompt
from models.starter.recipe import Recipe
from models.starter.text_encoder import WIDTH, token_ids
from models.starter.training import CPU, Checkpoint, fast_arithmetic, save_sheet, warm_cosine

SIDE = 128


def noise_schedule() -> DDIMScheduler:
    """Scaled-linear betas rescaled to zero terminal SNR, v-prediction (arXiv:2305.08891)."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )


def new_unet() -> UNet2DConditionModel:
    """4.6 M parameters. It has no middle block: at 4x4 the blocks around it have seen the whole picture already."""
    return UNet2DConditionModel(
        sample_size=SIDE // 8,
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type=None,
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def train_denoiser(
    pipeline: StableDiffusionPipeline,
    latents: Tensor,
    pictures: list[Picture],
    recipe: Recipe,
    *,
    work: Path,
    keep_first: Callable[[StableDiffusionPipeline], None],
    device: torch.device = CPU,
) -> StableDiffusionPipeline:
    """Train the UNet and the text encoder of `pipeline` in place on scaled latents (n, 4, h, w) of `pictures`.

    Ends with the averaged weights in the pipeline. `keep_first` is called with the averaged weights in place after
    `recipe.first_version_at` steps.
    """
    torch.manual_seed(recipe.seed)
    pipeline.to(device)
    # Plain attention: torch's fused kernel is slower on a CPU for so few tokens, two times in the backward pass.
    pipeline.unet.set_attn_processor(AttnProcessor())
    trained = nn.ModuleDict({"unet": pipeline.unet, "text": pipeline.text_encoder}).train()
    averaged = EMAModel(trained.parameters(), decay=0.999)
    optimizer = torch.optim.AdamW(
        [
            {"params": pipeline.unet.parameters(), "lr": recipe.learning_rate},
            {"params": pipeline.text_encoder.parameters(), "lr": recipe.learning_rate / 5},
        ],
        betas=(0.9, 0.99),
        weight_decay=1e-3,
    )
    schedule = warm_cosine(optimizer, recipe.denoiser_steps)
    checkpoint = Checkpoint(
        work / "denoiser.checkpoint",
        recipe.sheet_every,
        trained=trained,
        averaged=averaged,
        optimizer=optimizer,
        schedule=schedule,
    )
    alphas = pipeline.scheduler.alphas_cumprod
    progress = checkpoint.remaining(recipe.denoiser_steps, "denoiser")
    averaged.to(device)
    losses: deque[float] = deque(maxlen=200)
    for step in progress:
        chosen = torch.randint(len(latents), (recipe.batch,))
        rng = random.Random(f"{recipe.seed} denoiser {step}")
        ids = token_ids(pipeline.tokenizer, prompts_of([pictures[i] for i in chosen.tolist()], recipe, rng))
        loss = _loss(pipeline, alphas, latents[chosen], ids, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        averaged.step(trained.parameters())
        losses.append(loss.item())
        progress.set_postfix(loss=f"{sum(losses) / len(losses):.4f}", refresh=False)
        done, last = step + 1, step + 1 == recipe.denoiser_steps
        if done % recipe.sheet_every == 0 or done == recipe.first_version_at or last:
            averaged.store(trained.parameters())
            averaged.copy_to(trained.parameters())
            trained.eval()
            sample_sheet(pipeline, recipe.sheet_steps, work / f"denoiser-{done:05d}.png")
            if done == recipe.first_version_at:
                keep_first(pipeline)
            averaged.restore(trained.parameters())
            trained.train()
        checkpoint.after(step)
    averaged.copy_to(trained.parameters())
    trained.eval()
    checkpoint.remove()
    return pipeline


def _loss(
    pipeline: StableDiffusionPipeline, alphas: Tensor, clean: Tensor, ids: Tensor, device: torch.device
) -> Tensor:
    """Mean squared error of the velocity (arXiv:2202.00512) at random times."""
    timestep = torch.randint(len(alphas), (len(clean),))
    noisy, wanted = (part.to(device) for part in noised(alphas, clean, timestep))
    with fast_arithmetic(device):
        context = pipeline.text_encoder(ids.to(device))[0]
        velocity = pipeline.unet(noisy, timestep.to(device), context).sample
    return F.mse_loss(velocity.float(), wanted)


class Noised(NamedTuple):
    """Latents with noise at some times, and the velocity that leads back, each of the latents' shape."""

    noisy: Tensor
    velocity: Tensor


def noised(alphas: Tensor, clean: Tensor, timestep: Tensor) -> Noised:
    """Latents (n, 4, h, w) with fresh noise at times (n,)."""
    signal = alphas[timestep].sqrt().view(-1, 1, 1, 1)
    spread = (1 - alphas[timestep]).sqrt().view(-1, 1, 1, 1)
    noise = torch.randn_like(clean)
    return Noised(signal * clean + spread * noise, signal * noise - spread * clean)


def prompts_of(pictures: list[Picture], recipe: Recipe, rng: random.Random) -> list[str]:
    """A way to ask for each picture, for a share of them the empty prompt that guidance stands on."""
    return ["" if rng.random() < recipe.empty_captions else prompt(picture, rng) for picture in pictures]


def sheet_prompts() -> list[str]:
    """One emblem of each shape and eight postcards, in colours and styles that go round."""
    colours = list(COLOURS)
    emblems = [
        Emblem(shape, colours[i], colours[(i + 3) % 10], STYLES[i % 5], ("", "large", "small")[i % 3])
        for i, shape in enumerate(SHAPES)
    ]
    postcards = [
        Postcard(
            sky=colours[(3 * i + 2) % 10],
            land=("mountains", "hills")[i % 2],
            land_colour=colours[(i + 4) % 10],
            sea=("", "blue", "teal")[i % 3],
            light=("sun", "moon")[i // 2 % 2],
            light_colour="white",
            trees=i % 4 == 1,
            stars=i % 4 >= 2,
            style=POSTCARD_STYLES[i % 4],
        )
        for i in range(8)
    ]
    pictures: list[Picture] = [*emblems, *postcards]
    return [picture.caption() for picture in pictures]


def sample_sheet(pipeline: StableDiffusionPipeline, steps: int, path: Path) -> None:
    """Write what the pipeline draws for `sheet_prompts` as one PNG."""
    pipeline.set_progress_bar_config(disable=True)
    out = pipeline(
        sheet_prompts(),
        num_inference_steps=steps,
        guidance_scale=2.0,
        height=SIDE,
        width=SIDE,
        generator=torch.Generator().manual_seed(1),
        output_type="pt",
    )
    save_sheet(out.images * 2 - 1, path, columns=8)
