"""What is measured of a model's memory when it is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from models.diffusion.decoding import Decoding
from models.diffusion.memory import UNLIMITED_ROWS
from models.diffusion.memory_probe import fit_memory
from tests.unit.models.diffusion.gated_model import GatedDenoiser, PlainAutoencoder
from tests.unit.models.diffusion.making import LAYOUT

MB = 2**20
SIZES = ((64, 64), (256, 256))


@dataclass
class HungryDenoiser(GatedDenoiser):
    """Holds `fixed` bytes, and `per_pixel` bytes for each latent pixel of each row."""

    fixed: int = 2 * MB
    per_pixel: int = 4096
    rows_that_fit: int = 100
    asked: list[tuple[int, int]] = field(default_factory=list)
    """Rows and latent pixels of every pass."""

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Any) -> Tensor:
        rows, area = len(latents), latents.shape[-1] * latents.shape[-2]
        self.asked.append((rows, area))
        if rows > self.rows_that_fit:
            raise torch.OutOfMemoryError("no room")
        workspace = [torch.empty(self.fixed, dtype=torch.uint8)]
        workspace.append(torch.empty(rows * area * self.per_pixel, dtype=torch.uint8))
        return latents + workspace[-1].numel() * 0


@dataclass
class HungryAutoencoder(PlainAutoencoder):
    per_pixel: int = 8192
    asked: list[int] = field(default_factory=list)
    """Latent pixels of every decode."""

    def decode(self, latents: Sequence[Tensor], *, tiled: bool = False) -> Decoding:
        self.asked.append(sum(one.shape[-1] * one.shape[-2] for one in latents))
        workspace = torch.empty(self.asked[-1] * self.per_pixel, dtype=torch.uint8)
        assert workspace.numel()
        return super().decode(latents)


def test_a_cpu_has_no_limit_and_is_not_measured() -> None:
    denoiser = HungryDenoiser()
    memory = fit_memory(denoiser, HungryAutoencoder(), sizes=SIZES, max_batch=4)
    assert memory.max_rows(LAYOUT.key(64, 64)) == UNLIMITED_ROWS
    assert denoiser.asked == []


def test_a_budget_is_spent_as_measured() -> None:
    denoiser, autoencoder = HungryDenoiser(), HungryAutoencoder()
    memory = fit_memory(denoiser, autoencoder, sizes=SIZES, max_batch=4, budget=64 * MB)
    assert denoiser.asked == [(1, 64), (2, 64), (1, 1024), (2, 1024)]
    assert autoencoder.asked == [4 * 64, 4 * 1024]
    # A row of 256x256 holds 4 MiB and little else, beside the fixed 2 MiB and a decode's 32 MiB: 30 MiB are left.
    assert memory.max_rows(LAYOUT.key(256, 256)) == 7
    peak = memory.peak_bytes(LAYOUT.key(256, 256), rows=2)
    assert peak == pytest.approx((2 + 2 * 4 + 32) * MB, rel=0.02)
    # Four small pictures are decoded together: one of four times their area needs no more than that.
    assert memory.peak_bytes(LAYOUT.key(512, 512), rows=1) == pytest.approx((2 + 16 + 32) * MB, rel=0.03)
    assert not memory.fits(LAYOUT.key(1024, 1024), 1)


def test_a_size_that_does_not_fit_is_left_out_of_the_measurement() -> None:
    denoiser = HungryDenoiser(rows_that_fit=1)
    memory = fit_memory(denoiser, HungryAutoencoder(), sizes=SIZES, max_batch=4, budget=64 * MB)
    assert memory.max_rows(LAYOUT.key(256, 256)) == pytest.approx(7, abs=1)


def test_the_engine_starts_with_no_room_for_any_pass() -> None:
    memory = fit_memory(HungryDenoiser(), HungryAutoencoder(), sizes=SIZES, max_batch=4, budget=1)
    assert memory.max_rows(LAYOUT.key(64, 64)) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_is_measured_by_its_allocator() -> None:
    class OnCuda(HungryDenoiser):
        def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Any) -> Tensor:
            workspace = torch.empty(len(latents) * latents[0, 0].numel() * self.per_pixel, device=latents.device)
            return latents + 0 * workspace.numel()

    memory = fit_memory(
        OnCuda(device=torch.device("cuda")), HungryAutoencoder(), sizes=SIZES, max_batch=4, budget=64 * MB
    )
    assert memory.max_rows(LAYOUT.key(256, 256)) == 3  # float32: 16 MiB a row
