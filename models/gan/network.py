"""A class-conditional generator: a mapping network and a modulated-convolution synthesis (arXiv:1912.04958).

The synthesis makes one layer with coverage, which is laid over a ground of one colour (as in arXiv:1703.01560).

A folder holds it as `config.json` (the fields of `GeneratorConfig`) and `model.safetensors`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gitex.errors import SettingsError

CONFIG, WEIGHTS = "config.json", "model.safetensors"
ARCHITECTURE = "GitexClassConditionalGenerator"


@dataclass(frozen=True)
class GeneratorConfig:
    """Size and labels. The picture's side is 4 doubled once a width: 4 x 2^len(widths) pixels."""

    labels: tuple[str, ...]
    latent: int = 32
    style: int = 128
    widths: tuple[int, ...] = (128, 96, 64, 32)
    """Channels at 4, 8, 16, ... pixels; the last doubling is a pixel shuffle."""

    def __post_init__(self) -> None:
        """Raises `ValueError` for what cannot be a generator."""
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must be named, each once")
        if not self.widths or min(self.latent, self.style, *self.widths) < 1:
            raise ValueError("latent, style and widths must be positive")

    @property
    def side(self) -> int:
        return int(4 * 2 ** len(self.widths))


class Generator(nn.Module):
    """Makes pictures from a latent and a label."""

    style_mean: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(len(config.labels), config.style)
        self.mapping = nn.Sequential(
            nn.Linear(config.latent + config.style, 2 * config.style),
            nn.LeakyReLU(0.2),
            nn.Linear(2 * config.style, config.style),
            nn.LeakyReLU(0.2),
            nn.Linear(config.style, config.style),
        )
        self.constant = nn.Parameter(torch.randn(1, config.widths[0], 4, 4))
        before = (config.widths[0], *config.widths[:-1])
        self.blocks = nn.ModuleList(
            Block(narrow, wide, config.style, side=4 * 2**index)
            for index, (narrow, wide) in enumerate(zip(before, config.widths, strict=True))
        )
        self.last = nn.Conv2d(config.widths[-1], 64, 3, padding=1)
        # The four pixels that come from one begin alike, or the shuffle shows as a chequered pattern.
        self.last.weight.data.copy_(self.last.weight[::4].repeat_interleave(4, 0))
        self.to_layer = nn.Conv2d(16, 4, 3, padding=1)
        for parameter, factor in zip(self.to_layer.parameters(), (0.1, 0.0), strict=True):
            parameter.data.mul_(factor)
        self.paint = nn.Linear(config.style, 3)
        self.ground = nn.Linear(config.style, 3)
        # What truncation pulls towards: the centre of each class.
        self.register_buffer("style_mean", torch.zeros(len(config.labels), config.style))

    def style(self, latent: Tensor, label: Tensor) -> Tensor:
        """Styles (n, style) of latents (n, latent) and label numbers (n,)."""
        styles: Tensor = self.mapping(torch.cat([latent, self.embedding(label)], dim=1))
        return styles * (styles.square().mean(dim=1, keepdim=True) + 1e-6).rsqrt()

    def synthesise(self, style: Tensor) -> Tensor:
        """Pictures (n, 3, side, side), about -1..1, of styles (n, style)."""
        x = self.constant.expand(len(style), -1, -1, -1)
        for index, block in enumerate(self.blocks):
            x = block(x if index == 0 else F.interpolate(x, scale_factor=2, mode="nearest"), style)
        layer = self.to_layer(F.leaky_relu(F.pixel_shuffle(self.last(x), 2), 0.2))
        painted = layer[:, :3] + self.paint(style)[:, :, None, None]
        ground: Tensor = self.ground(style)[:, :, None, None]
        # Coverage is not squeezed into 0..1: most of a picture is ground, and a squeezed coverage would die at 0.
        return torch.lerp(ground, painted, layer[:, 3:])

    def mixed_style(self, latent: Tensor, label: Tensor, other: Tensor, weight: Tensor, truncation: Tensor) -> Tensor:
        """Styles (n, style) that are `weight` (n,) in 0..1 of the way from the class `label` to the class `other`.

        `truncation` (n,) in 0..1 is how much of the latent's own is left: 0 gives the centre of the class or the mix.
        """
        style = torch.lerp(self.style(latent, label), self.style(latent, other), weight[:, None])
        centre = torch.lerp(self.style_mean[label], self.style_mean[other], weight[:, None])
        return torch.lerp(centre, style, truncation[:, None])

    def forward(self, latent: Tensor, label: Tensor) -> Tensor:
        """Pictures (n, 3, side, side) of latents (n, latent) and label numbers (n,)."""
        return self.synthesise(self.style(latent, label))


class Block(nn.Module):
    """Two modulated 3x3 convolutions; between them the style mixes in learnt maps, which know where things are."""

    def __init__(self, narrow: int, wide: int, style: int, side: int) -> None:
        super().__init__()
        self.first = ModulatedConv(narrow, wide, style)
        self.maps = nn.Parameter(torch.randn(wide, side, side))
        self.mix = nn.Linear(style, wide)
        self.second = ModulatedConv(wide, wide, style)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        x = self.first(x, style) + self.mix(style)[:, :, None, None] * self.maps
        out: Tensor = self.second(x, style)
        return out


class ModulatedConv(nn.Module):
    """Modulation and demodulation as scales before and after one shared convolution, so that a batch is one call."""

    def __init__(self, narrow: int, wide: int, style: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(wide, narrow, 3, 3) / (3 * narrow**0.5))
        self.bias = nn.Parameter(torch.zeros(wide))
        self.scale = nn.Linear(style, narrow)
        self.shift = nn.Linear(style, wide)
        nn.init.ones_(self.scale.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale = self.scale(style)
        strength = (scale.square() @ self.weight.square().sum((2, 3)).T + 1e-6).rsqrt()
        x = F.conv2d(x * scale[:, :, None, None], self.weight, padding=1) * strength[:, :, None, None]
        return F.leaky_relu(x + (self.bias + self.shift(style))[:, :, None, None], 0.2) * 2**0.5


def save_generator(generator: Generator, folder: Path) -> None:
    """Write weights in half precision and the config."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().half().contiguous() for name, tensor in generator.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)
    fields = {"architecture": ARCHITECTURE, **asdict(generator.config)}
    (folder / CONFIG).write_text(json.dumps(fields, indent=2) + "\n")


def load_generator(folder: Path) -> Generator:
    """Read a folder written by `save_generator`, in float32, in evaluation mode. Raises `SettingsError`."""
    try:
        fields = json.loads((folder / CONFIG).read_text())
        if fields.pop("architecture", None) != ARCHITECTURE:
            raise ValueError(f"the architecture is not {ARCHITECTURE}")
        config = GeneratorConfig(labels=tuple(fields.pop("labels")), widths=tuple(fields.pop("widths")), **fields)
        generator = Generator(config)
        generator.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as problem:
        raise SettingsError(f"cannot read the generator: {problem}", param="source") from problem
    return generator.float().eval()
