"""Previews look like the picture, and are the same every time."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from configs.catalog import REPOSITORY
from models.diffusion.autoencoder import LatentAutoencoder
from models.diffusion.preview import fit_latent_to_rgb
from models.starter.pictures import drawn, training_pictures

STARTER = REPOSITORY / "models/starter/weights/starter-diffusion-2/vae"
FACTOR = 4
MIX = torch.tensor([[0.5, -0.2, 0.1], [0.3, 0.9, -0.4], [0.0, 0.2, 1.1], [0.0, 0.0, 0.0]])
SHIFT = torch.tensor([0.2, -0.1, 0.3, 0.7])


def linear_encode(pictures: Tensor) -> Tensor:
    """Block means in other colours, and a fourth channel that says nothing."""
    return torch.einsum("lc,nchw->nlhw", MIX, avg_pool2d(pictures, FACTOR)) + SHIFT[:, None, None]


def linear_decode(latents: Tensor) -> Tensor:
    colours = torch.einsum("cl,nlhw->nchw", torch.linalg.pinv(MIX), latents - SHIFT[:, None, None])
    return interpolate(colours, scale_factor=float(FACTOR), mode="nearest")


def test_an_autoencoder_that_is_linear_is_shown_exactly() -> None:
    to_rgb = fit_latent_to_rgb(linear_encode, linear_decode, FACTOR)
    colours = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(1)) * 2 - 1
    latents = torch.einsum("lc,chw->lhw", MIX, colours) + SHIFT[:, None, None]
    shown = to_rgb(latents)
    expected = (colours + 1) * 127.5
    assert (shown.shape, shown.dtype) == ((5, 7, 3), torch.uint8)
    assert (shown.permute(2, 0, 1).float() - expected).abs().max() <= 1


def test_colours_beyond_the_range_are_cut_off() -> None:
    to_rgb = fit_latent_to_rgb(linear_encode, linear_decode, FACTOR)
    white = torch.einsum("lc,c->l", MIX, torch.full((3,), 5.0)) + SHIFT
    assert to_rgb(white[:, None, None].expand(4, 2, 2)).min() == 255


def test_the_fit_is_the_same_every_time() -> None:
    first, second = (fit_latent_to_rgb(linear_encode, linear_decode, FACTOR) for _ in range(2))
    latents = torch.randn(4, 6, 6, generator=torch.Generator().manual_seed(1))
    assert torch.equal(first(latents), second(latents))


@pytest.fixture(scope="module")
def starter() -> LatentAutoencoder:
    return LatentAutoencoder(AutoencoderTiny.from_pretrained(STARTER).eval().requires_grad_(False))


def blocks(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    height, width, _ = pixels.shape
    return pixels.reshape(height // 8, 8, width // 8, 8, 3).mean((1, 3))


@torch.inference_mode()
def test_the_starter_models_previews_look_like_its_pictures(starter: LatentAutoencoder) -> None:
    shown, decoded = [], []
    for picture in training_pictures(emblems=6, postcards=6, seed=77):
        latents = starter.encode(np.ascontiguousarray(drawn(picture)), torch.Generator())
        preview, full = starter.preview(latents), starter.decode([latents]).pictures()[0]
        assert preview.shape == (full.shape[0] // 8, full.shape[1] // 8, 3)
        shown.append(preview)
        decoded.append(blocks(full))
    correlation = np.corrcoef(np.ravel(shown), np.ravel(decoded))[0, 1]
    assert correlation > 0.9
