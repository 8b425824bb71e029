"""What a denoiser is told besides the latents: encoded prompts and whatever else its architecture wants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Layout = tuple[tuple[str, tuple[int, ...]], ...]
"""Name and shape of every conditioning tensor of one row."""


@dataclass(frozen=True)
class Conditioning:
    """One row's conditioning, by the name under which its denoiser knows each tensor; no batch dimension."""

    tensors: Mapping[str, Tensor]

    @property
    def layout(self) -> Layout:
        """Names and shapes, in the order of the names."""
        return tuple((name, tuple(self.tensors[name].shape)) for name in sorted(self.tensors))

    def with_tensors(self, more: Mapping[str, Tensor]) -> "Conditioning":
        """The same and some more."""
        return Conditioning({**self.tensors, **more})


def stack(rows: Sequence[Conditioning]) -> dict[str, Tensor]:
    """Rows of equal layout as one batch: each tensor gets a first dimension of `len(rows)`."""
    return {name: torch.stack([row.tensors[name] for row in rows]) for name in rows[0].tensors}
