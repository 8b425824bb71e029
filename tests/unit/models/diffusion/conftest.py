"""Tiny random-weight Stable Diffusion folders, with each kind of autoencoder."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def kl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like Stable Diffusion 1.5: AutoencoderKL, epsilon prediction, a PNDM scheduler config."""
    from tests.unit.models.diffusion.tiny_pipeline import save_tiny_pipeline

    return save_tiny_pipeline(tmp_path_factory.mktemp("kl"), "kl")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like the starter model: AutoencoderTiny, v-prediction, zero terminal SNR, trailing spacing."""
    from tests.unit.models.diffusion.tiny_pipeline import save_tiny_pipeline

    return save_tiny_pipeline(tmp_path_factory.mktemp("tiny"), "tiny")
