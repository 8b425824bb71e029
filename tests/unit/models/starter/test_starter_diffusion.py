import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderTiny, StableDiffusionPipeline

from models.diffusion.pipelines import load_pipeline
from models.starter.autoencoder import encode_all, sharpen, train_autoencoder
from models.starter.denoiser import new_unet, noise_schedule, train_denoiser
from models.starter.diffusion import train
from models.starter.pictures import Picture, draw_all, training_pictures
from models.starter.recipe import Recipe
from models.starter.refining import cell_weights, refine_denoiser
from models.starter.text_encoder import new_text_encoder, new_tokenizer, teach_words

TINY = Recipe(
    emblems=3,
    postcards=3,
    autoencoder_steps=1,
    decoder_rounds=(1, 1),
    text_steps=1,
    text_batch=2,
    denoiser_steps=2,
    first_version_at=1,
    hard_emblems=3,
    hard_postcards=3,
    refining_steps=1,
    batch=2,
    sheet_steps=1,
)


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    return training_pictures(TINY.emblems, TINY.postcards, TINY.seed)


def test_training_writes_two_versions_that_load_and_does_no_stage_twice(tmp_path: Path) -> None:
    out, work = tmp_path / "model", tmp_path / "work"
    work.mkdir()
    train(out, work, TINY)
    first, second = (load_pipeline(tmp_path / f"model-{n}", torch.device("cpu"), torch.float32) for n in (1, 2))
    assert first.vae.config.scaling_factor == second.vae.config.scaling_factor != 1
    pairs = list(zip(first.unet.parameters(), second.unet.parameters(), strict=True))
    assert not all(torch.equal(one, other) for one, other in pairs)
    for path in itertools.chain(*(tmp_path.glob(f"model-*/{where}*.json") for where in ("", "**/"))):
        assert str(tmp_path) not in path.read_text()
    stages = {path: path.stat().st_mtime_ns for path in work.rglob("*.safetensors")}
    assert {path.relative_to(work).parts[0] for path in stages} == {
        *("autoencoder", "latents.safetensors", "decoder-0", "decoder-1", "text", "first", "last"),
        *("hard-latents.safetensors", "refined"),
    }
    train(tmp_path / "again", work, TINY)
    assert {path: path.stat().st_mtime_ns for path in stages} == stages
    same = "unet/diffusion_pytorch_model.safetensors"
    assert (tmp_path / "again-2" / same).read_bytes() == (tmp_path / "model-2" / same).read_bytes()


def test_an_interrupted_denoiser_ends_as_if_nothing_had_happened(tmp_path: Path, pictures: list[Picture]) -> None:
    recipe = replace(TINY, denoiser_steps=3, first_version_at=2, sheet_every=1)
    latents = torch.randn(len(pictures), 4, 16, 16, generator=torch.Generator().manual_seed(0))
    firsts: list[StableDiffusionPipeline] = []

    def interrupted(_: StableDiffusionPipeline) -> None:
        raise KeyboardInterrupt

    undisturbed, broken = tmp_path / "undisturbed", tmp_path / "broken"
    wanted = train_denoiser(_pipeline(pictures), latents, pictures, recipe, work=undisturbed, keep_first=firsts.append)
    broken.mkdir()
    with pytest.raises(KeyboardInterrupt):
        train_denoiser(_pipeline(pictures), latents, pictures, recipe, work=broken, keep_first=interrupted)
    assert (broken / "denoiser.checkpoint").exists()
    resumed = train_denoiser(_pipeline(pictures), latents, pictures, recipe, work=broken, keep_first=firsts.append)
    assert len(firsts) == 2
    assert not (broken / "denoiser.checkpoint").exists()
    for one, other in zip(wanted.unet.parameters(), resumed.unet.parameters(), strict=True):
        assert torch.equal(one, other)


def test_refining_changes_the_unet_alone_and_goes_on_after_an_interruption(
    tmp_path: Path, pictures: list[Picture]
) -> None:
    recipe = replace(TINY, refining_steps=3, sheet_every=1)
    latents = torch.randn(len(pictures), 4, 16, 16, generator=torch.Generator().manual_seed(0))
    before = _pipeline(pictures)
    undisturbed, broken = tmp_path / "undisturbed", tmp_path / "broken"
    undisturbed.mkdir()
    broken.mkdir()
    wanted = refine_denoiser(_pipeline(pictures), latents, pictures, recipe, work=undisturbed)
    (broken / "refining-00003.png").mkdir()
    with pytest.raises(IsADirectoryError):
        refine_denoiser(_pipeline(pictures), latents, pictures, recipe, work=broken)
    assert (broken / "refining.checkpoint").exists()
    (broken / "refining-00003.png").rmdir()
    resumed = refine_denoiser(_pipeline(pictures), latents, pictures, recipe, work=broken)
    assert not (broken / "refining.checkpoint").exists()
    for one, other in zip(wanted.unet.parameters(), resumed.unet.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not all(
        torch.equal(one, other) for one, other in zip(wanted.unet.parameters(), before.unet.parameters(), strict=True)
    )
    for one, other in zip(wanted.text_encoder.parameters(), before.text_encoder.parameters(), strict=True):
        assert torch.equal(one, other)


def test_edges_count_more_and_faint_pictures_as_a_whole() -> None:
    latents = torch.zeros(2, 4, 16, 16)
    latents[0, :, 4:12, 4:12] = 2.0
    latents[1, :, 4:12, 4:12] = 0.1
    strong, faint = cell_weights(latents)
    for weights in (strong, faint):
        assert weights[0, 4, 4] == weights.max() == 4 * weights[0, 0, 0]
        assert weights[0, 8, 8] == weights[0, 0, 0] > 0
    assert torch.allclose(faint, 4.5 * strong)


def test_the_sharpened_decoder_rebuilds_better_from_the_same_latents(tmp_path: Path, pictures: list[Picture]) -> None:
    drawn = draw_all(pictures, 128)
    model = train_autoencoder(drawn, TINY, tmp_path)
    latents = encode_all(model, drawn)
    before = _error(model, latents, drawn)
    sharp = sharpen(model, drawn, latents, replace(TINY, decoder_rounds=(12,)), number=0, work=tmp_path)
    assert torch.equal(encode_all(sharp, drawn), latents)
    assert _error(sharp, latents, drawn) < 0.98 * before


def test_words_are_learnt_before_there_is_anything_to_draw(
    tmp_path: Path, pictures: list[Picture], capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = new_tokenizer(pictures, TINY)
    torch.manual_seed(0)
    encoder = new_text_encoder(tokenizer)
    teach_words(encoder, tokenizer, pictures, replace(TINY, text_steps=41, text_batch=12), work=tmp_path)
    shown = capsys.readouterr().err
    losses = [float(part.split(",")[0]) for part in shown.split("loss=")[1:]]
    assert losses[-1] < 0.5 * losses[0]


def _error(model: AutoencoderTiny, latents: torch.Tensor, drawn: torch.Tensor) -> float:
    with torch.no_grad():
        return float((model.decode(latents).sample - (drawn.float() / 127.5 - 1)).abs().mean())


def _pipeline(pictures: list[Picture]) -> StableDiffusionPipeline:
    torch.manual_seed(0)
    tokenizer = new_tokenizer(pictures, TINY)
    narrow = (8, 8, 8, 8)
    return StableDiffusionPipeline(
        vae=AutoencoderTiny(encoder_block_out_channels=narrow, decoder_block_out_channels=narrow),
        text_encoder=new_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=new_unet(),
        scheduler=noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
