from pathlib import Path

import torch

from models.diffusion.load import load_pipeline
from models.starter.diffusion import train
from models.starter.recipe import Recipe, Round

TINY = Recipe(pictures=4, autoencoder_steps=1, decoder_steps=1, denoiser_rounds=(Round(1, 1e-3),) * 2, batch=2)


def test_training_writes_a_pipeline_that_loads_and_does_no_stage_twice(tmp_path: Path) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    train(out, work, TINY)
    pipeline = load_pipeline(out, torch.device("cpu"), torch.float32)
    assert pipeline.vae.config.scaling_factor != 1
    assert not any(str(tmp_path) in path.read_text() for path in out.rglob("*config.json"))
    assert str(tmp_path) not in (out / "model_index.json").read_text()
    stages = {path: path.stat().st_mtime_ns for path in work.rglob("*.safetensors")}
    assert {path.relative_to(work).parts[0] for path in stages} == {
        "autoencoder",
        "decoder",
        "latents.safetensors",
        "round-1",
        "round-2",
    }
    train(tmp_path / "again", work, TINY)
    assert {path: path.stat().st_mtime_ns for path in stages} == stages
