"""Where trainings compute. No GPU has run these: what can be tested without one is."""

from pathlib import Path

import pytest
import torch
from torch import nn

from models.starter.training import CPU, Checkpoint, chosen_device, fast_arithmetic

WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")


def test_the_cpu_is_there_and_other_names_are_refused() -> None:
    assert chosen_device("cpu") == CPU
    with pytest.raises(ValueError, match="no device 'tpu'"):
        chosen_device("tpu")


@WITHOUT_GPU
def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_refused() -> None:
    assert chosen_device("auto") == CPU
    with pytest.raises(ValueError, match="no device 'cuda'"):
        chosen_device("cuda")


def test_the_arithmetic_is_exact_where_bfloat16_would_be_slower() -> None:
    with fast_arithmetic(CPU):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32)


def test_a_checkpoint_goes_on_with_the_same_numbers_and_weights(tmp_path: Path) -> None:
    torch.manual_seed(1)
    layer = nn.Linear(2, 2)
    checkpoint = Checkpoint(tmp_path / "stage.pt", 2, layer=layer)
    checkpoint.after(0)
    assert checkpoint.resume() == 0
    checkpoint.after(1)
    drawn, weights = torch.randn(3), layer.weight.detach().clone()
    nn.init.zeros_(layer.weight)
    torch.manual_seed(9)
    assert checkpoint.resume() == 2
    assert torch.equal(torch.randn(3), drawn)
    assert torch.equal(layer.weight, weights)
