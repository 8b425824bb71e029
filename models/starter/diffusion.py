"""Trains `starter-diffusion`: a latent diffusion model in the folder layout of `StableDiffusionPipeline`.

Three stages, each seeded: a tiny autoencoder on crops; every picture encoded once; a text-conditioned UNet in
the latent space, its text encoder trained along. Sample sheets are written as training goes.
"""

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.training_utils import EMAModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from models.starter.autoencoder import encode_all, sharpen, train_autoencoder
from models.starter.emblems import COLOURS, SHAPES, STYLES, Emblem, all_emblems, random_emblem, render
from models.starter.recipe import Recipe, Round
from models.starter.tokenizers import train_clip_tokenizer
from models.starter.training import descend, save_sheet, warm_cosine

S = TypeVar("S", AutoencoderTiny, StableDiffusionPipeline)
SIDE = 128
TOKENS = 40


def train(out: Path, work: Path, recipe: Recipe) -> None:
    """Train all stages and save the pipeline under `out`. Sheets go to `work`, and each stage's result.

    A stage whose result is there already is not done again: an interrupted training goes on with the next one.
    """
    rng = random.Random(recipe.seed)
    emblems = [random_emblem(rng) for _ in range(recipe.pictures)]
    pictures = torch.from_numpy(np.stack([render(e, SIDE) for e in tqdm(emblems, "drawing")])).permute(0, 3, 1, 2)
    autoencoder = _stage(work / "autoencoder", AutoencoderTiny, lambda: train_autoencoder(pictures, recipe, work))
    latents = _encoded(autoencoder, pictures, work / "latents.safetensors")
    autoencoder = _stage(
        work / "decoder", AutoencoderTiny, lambda: sharpen(autoencoder, pictures, latents, recipe, work)
    )
    autoencoder.register_to_config(scaling_factor=round(1 / float(latents.std()), 4))
    latents *= autoencoder.config.scaling_factor

    torch.manual_seed(recipe.seed)
    pipeline = _new_pipeline(autoencoder)
    captions = [e.caption() for e in emblems]
    for number, plan in enumerate(recipe.denoiser_rounds, start=1):
        torch.manual_seed(recipe.seed + number)
        train_round = partial(train_denoiser, pipeline, latents, captions, recipe, plan=plan, work=work)
        pipeline = _stage(work / f"round-{number}", StableDiffusionPipeline, train_round)
    pipeline.vae = autoencoder
    pipeline.to(torch.float16).save_pretrained(out, safe_serialization=True)
    _forget_where_it_was_made(out)


def _stage(folder: Path, kind: type[S], make: Callable[[], S]) -> S:
    """What was saved under `folder`, or else made now and saved there."""
    if not folder.exists():
        made = make()
        made.save_pretrained(folder, safe_serialization=True)
    loaded: S = kind.from_pretrained(folder)
    return loaded


def _forget_where_it_was_made(folder: Path) -> None:
    """Take this machine's paths out of the configurations: they mean nothing elsewhere and would change the digest."""
    for path in folder.rglob("*.json"):
        fields = json.loads(path.read_text())
        if fields.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(fields, indent=2) + "\n")


def _encoded(autoencoder: AutoencoderTiny, pictures: Tensor, path: Path) -> Tensor:
    if not path.exists():
        save_file({"latents": encode_all(autoencoder, pictures)}, path)
    return load_file(path)["latents"]


def _new_pipeline(autoencoder: AutoencoderTiny) -> StableDiffusionPipeline:
    tokenizer = train_clip_tokenizer((e.caption() for e in all_emblems()), vocabulary=1_200, max_length=TOKENS)
    return StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=_new_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=_new_unet(),
        scheduler=noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


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


def train_denoiser(
    pipeline: StableDiffusionPipeline, latents: Tensor, captions: list[str], recipe: Recipe, *, plan: Round, work: Path
) -> StableDiffusionPipeline:
    """One round: train the UNet and the text encoder of `pipeline` in place; ends with the averaged weights in them."""
    trained = nn.ModuleDict({"unet": pipeline.unet, "text": pipeline.text_encoder}).train()
    averaged = EMAModel(trained.parameters(), decay=0.998)
    optimizer = torch.optim.AdamW(trained.parameters(), lr=plan.learning_rate, betas=(0.9, 0.99), weight_decay=1e-3)
    schedule = warm_cosine(optimizer, plan.steps)
    alphas = pipeline.scheduler.alphas_cumprod
    tokens, nothing = _tokens(pipeline.tokenizer, captions), _tokens(pipeline.tokenizer, [""])
    progress = tqdm(range(plan.steps), "denoiser", mininterval=5)
    smooth = 1.0
    for step in progress:
        chosen = torch.randint(len(latents), (recipe.batch,))
        prompt = torch.where(torch.rand(recipe.batch, 1) < recipe.empty_captions, nothing, tokens[chosen])
        timestep = torch.randint(len(alphas), (recipe.batch,))
        clean, noise = latents[chosen], torch.randn(recipe.batch, *latents.shape[1:])
        signal = alphas[timestep].sqrt().view(-1, 1, 1, 1)
        spread = (1 - alphas[timestep]).sqrt().view(-1, 1, 1, 1)
        context = pipeline.text_encoder(prompt)[0]
        velocity = pipeline.unet(signal * clean + spread * noise, timestep, context).sample
        loss = F.mse_loss(velocity, signal * noise - spread * clean)
        descend(loss, trained, optimizer, schedule)
        averaged.step(trained.parameters())
        smooth += 0.02 * (loss.item() - smooth)
        progress.set_postfix(loss=f"{smooth:.4f}")
        if (step + 1) % recipe.sheet_every == 0 or step + 1 == plan.steps:
            averaged.store(trained.parameters())
            averaged.copy_to(trained.parameters())
            _sample_sheet(pipeline, work / f"denoiser-{step + 1:05d}.png")
            averaged.restore(trained.parameters())
    averaged.copy_to(trained.parameters())
    trained.eval()
    return pipeline


def sheet_prompts() -> list[str]:
    """One prompt for each shape, in colours and styles that go round."""
    colours = list(COLOURS)
    return [
        Emblem(shape, colours[i], colours[(i + 3) % 10], STYLES[i % 5], ("", "large", "small")[i % 3]).caption()
        for i, shape in enumerate(SHAPES)
    ]


def _sample_sheet(pipeline: StableDiffusionPipeline, path: Path) -> None:
    pipeline.set_progress_bar_config(disable=True)
    training = pipeline.unet.training
    pipeline.unet.eval()
    out = pipeline(
        sheet_prompts(),
        num_inference_steps=20,
        guidance_scale=2.0,
        height=SIDE,
        width=SIDE,
        generator=torch.Generator().manual_seed(1),
        output_type="pt",
    )
    pipeline.unet.train(training)
    save_sheet(out.images * 2 - 1, path, columns=4)


def _new_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=SIDE // 8,
        block_out_channels=(48, 96, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def _new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            projection_dim=128,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    encoded = tokenizer(texts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
    ids: Tensor = encoded.input_ids
    return ids
