"""Both ways between pictures and latents, against diffusers' own classes and arithmetic."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from diffusers.image_processor import VaeImageProcessor
from numpy.typing import NDArray
from torch import Generator, Tensor

from gitex.errors import EngineFailure
from models.diffusion.autoencoder import WHOLE_AREA, LatentAutoencoder
from models.diffusion.decoding import Levels, SideStream, to_levels, to_pictures
from models.diffusion.tiling import OVERLAP, SIDE, run_in_tiles

MEAN, DEVIATION = [0.3, -0.2, 0.1, 0.5], [0.5, 1.5, 2.0, 0.7]
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"scaling_factor": 0.18215},
    "shifted": {"scaling_factor": 0.3611, "shift_factor": 0.1159},
    "measured": {"scaling_factor": 0.5, "latents_mean": MEAN, "latents_std": DEVIATION},
}


def make_kl(**config: Any) -> AutoencoderKL:
    torch.manual_seed(3)
    return AutoencoderKL(
        block_out_channels=(4, 4, 4, 4),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=32,
        **config,
    ).eval()


def make_tiny(factory: type[AutoencoderTiny] = AutoencoderTiny, **config: Any) -> AutoencoderTiny:
    torch.manual_seed(3)
    return factory(
        encoder_block_out_channels=(4,) * 4,
        decoder_block_out_channels=(4,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
        **config,
    ).eval()


def latents_of(seed: int, height: int = 4, width: int = 6) -> Tensor:
    return torch.randn(4, height, width, generator=Generator().manual_seed(seed))


def picture_of(seed: int, height: int = 32, width: int = 48) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def denormalised(latents: Tensor, kind: str) -> Tensor:
    """As diffusers' SD, SD3/Flux and SDXL pipelines write it."""
    config = KINDS[kind]
    if kind == "measured":
        mean, deviation = (torch.tensor(config[name]).view(1, 4, 1, 1) for name in ("latents_mean", "latents_std"))
        return latents * deviation / config["scaling_factor"] + mean
    return latents / config["scaling_factor"] + config.get("shift_factor", 0.0)


@torch.inference_mode()
@pytest.mark.parametrize("kind", KINDS)
def test_decoding_is_diffusers_own(kind: str) -> None:
    network = make_kl(**KINDS[kind])
    pictures = LatentAutoencoder(network).decode([latents_of(1), latents_of(2)]).pictures()
    for seed, picture in zip((1, 2), pictures, strict=True):
        decoded = network.decode(denormalised(latents_of(seed)[None], kind), return_dict=False)[0]
        theirs = VaeImageProcessor(vae_scale_factor=8).postprocess(decoded, output_type="pil")[0]
        assert picture.shape == (32, 48, 3)
        assert picture.std() > 2  # a flat picture could hide a wrong scale
        assert np.abs(picture.astype(int) - np.asarray(theirs).astype(int)).max() <= 1


@torch.inference_mode()
@pytest.mark.parametrize("kind", KINDS)
def test_encoding_is_the_way_back(kind: str) -> None:
    network = make_kl(**KINDS[kind])
    latents = LatentAutoencoder(network).encode(picture_of(1), Generator().manual_seed(5))
    pixels = torch.from_numpy(picture_of(1)).permute(2, 0, 1)[None].float() / 127.5 - 1
    sampled = network.encode(pixels).latent_dist.sample(Generator().manual_seed(5))
    assert (latents.shape, latents.dtype) == ((4, 4, 6), torch.float32)
    torch.testing.assert_close(denormalised(latents[None], kind), sampled, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_the_tiny_autoencoder_works_both_ways() -> None:
    network = make_tiny(scaling_factor=1.5)
    autoencoder = LatentAutoencoder(network)
    pixels = torch.from_numpy(picture_of(1)).permute(2, 0, 1)[None].float() / 127.5 - 1
    latents = autoencoder.encode(picture_of(1), Generator())
    torch.testing.assert_close(latents, network.encode(pixels).latents[0] * 1.5)
    theirs = ((network.decode(latents[None] / 1.5).sample[0] / 2 + 0.5).clamp(0, 1) * 255).round()
    mine = autoencoder.decode([latents]).pictures()[0]
    assert np.abs(mine.astype(int) - theirs.permute(1, 2, 0).numpy()).max() <= 1


@torch.inference_mode()
def test_the_autoencoder_of_stable_diffusion_xl_leaves_float16_and_no_other_does() -> None:
    for upcast, dtype, force, expected in (
        (True, torch.float16, True, torch.float32),
        (True, torch.float16, False, torch.float16),
        (True, torch.bfloat16, True, torch.bfloat16),
        (False, torch.float16, True, torch.float16),
    ):
        network = make_kl(force_upcast=force).to(dtype)
        autoencoder = LatentAutoencoder(network, upcast=upcast)
        assert network.dtype == expected
        assert autoencoder.decode([latents_of(1)]).pictures()[0].shape == (32, 48, 3)
        assert autoencoder.encode(picture_of(1), Generator()).dtype == torch.float32


@torch.inference_mode()
def test_a_picture_that_is_not_of_numbers_is_an_error() -> None:
    autoencoder = LatentAutoencoder(make_tiny())
    with pytest.raises(EngineFailure, match="not numbers"):
        autoencoder.decode([latents_of(1), torch.full((4, 4, 6), torch.nan)]).pictures()


class Recording(AutoencoderTiny):
    """Remembers the shapes that it was given."""

    def decode(self, x: Tensor, **options: Any) -> Any:
        vars(self).setdefault("seen", []).append(tuple(x.shape))
        return super().decode(x, **options)

    def encode(self, x: Tensor, **options: Any) -> Any:
        vars(self).setdefault("seen", []).append(tuple(x.shape))
        return super().encode(x, **options)


@torch.inference_mode()
def test_a_large_picture_goes_in_tiles_and_shows_no_seams() -> None:
    network = make_tiny(Recording)
    autoencoder = LatentAutoencoder(network)
    height, width = 100, WHOLE_AREA // 100 + 1
    latents = latents_of(1, height, width)
    vars(network)["seen"] = []
    tiled = autoencoder.decode([latents]).pictures()[0].astype(int)
    assert set(vars(network)["seen"]) == {(1, 4, SIDE, SIDE)}
    whole = to_pictures(to_levels(network.decode(latents[None], return_dict=False)[0]))[0].astype(int)
    assert tiled.shape == whole.shape == (8 * height, 8 * width, 3)
    assert np.abs(tiled - whole).mean() < 0.05
    assert np.abs(tiled - whole).max() <= 0.1 * np.ptp(whole)


@torch.inference_mode()
def test_a_large_picture_is_encoded_in_tiles() -> None:
    network = make_tiny(Recording)
    autoencoder = LatentAutoencoder(network)
    picture = picture_of(1, 800, 8 * (WHOLE_AREA // 100 + 1))
    vars(network)["seen"] = []
    tiled = autoencoder.encode(picture, Generator())
    assert set(vars(network)["seen"]) == {(1, 3, 8 * SIDE, 8 * SIDE)}
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
    whole = network.encode(pixels).latents[0]
    assert tiled.shape == whole.shape
    assert (tiled - whole).abs().mean() < 0.03 * whole.std()


@torch.inference_mode()
def test_tiles_are_taken_when_asked_for_whatever_the_size() -> None:
    network = make_tiny(Recording)
    autoencoder = LatentAutoencoder(network)
    vars(network)["seen"] = []
    autoencoder.decode([latents_of(1, 70, 20)], tiled=True)
    assert vars(network)["seen"] == [(1, 4, SIDE, 20)] * 2


@pytest.mark.parametrize(("height", "width"), [(SIDE, SIDE), (SIDE + 1, 3), (3 * SIDE, 2 * SIDE + 5)])
@pytest.mark.parametrize(("reads", "writes"), [(1, 2), (2, 1)])
def test_tiles_of_a_local_function_give_what_the_whole_gives(height: int, width: int, reads: int, writes: int) -> None:
    def scaled(pixels: Tensor) -> Tensor:
        return torch.nn.functional.interpolate(pixels, scale_factor=writes / reads, mode="nearest")

    whole = torch.randn(2, 3, reads * height, reads * width, generator=Generator().manual_seed(1))
    torch.testing.assert_close(run_in_tiles(scaled, whole, reads=reads, writes=writes), scaled(whole))


def test_neighbouring_tiles_overlap_and_blend_linearly() -> None:
    """Each tile answers with its own number, so that the result shows how much each of them counts."""
    answers = iter((0.0, 1.0))
    result = run_in_tiles(
        lambda tile: torch.full_like(tile, next(answers)), torch.zeros(1, 1, 8, 112), reads=1, writes=1
    )
    row = result[0, 0, 0]
    first_of_second = 112 - SIDE
    assert row[:first_of_second].max() == 0
    assert row[SIDE:].min() == 1
    assert SIDE - first_of_second == OVERLAP
    rise = row[first_of_second:SIDE].diff()
    assert rise.min() > 0
    torch.testing.assert_close(rise, rise.mean().expand_as(rise))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@torch.inference_mode()
def test_a_side_stream_gives_what_waiting_gives() -> None:
    device = torch.device("cuda")
    network = make_kl().to(device)
    latents = [latents_of(seed).to(device) for seed in range(3)]

    def levels(rows: Sequence[Tensor]) -> Levels:
        return to_levels(network.decode(torch.stack(list(rows)), return_dict=False)[0])

    expected = levels(latents).pixels.cpu().numpy()
    decoding = SideStream(device).decode(levels, latents)
    np.testing.assert_array_equal(np.stack(decoding.pictures()), expected)
    assert decoding.ready()
