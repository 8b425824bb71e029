"""Measures what passes and decodes take of the device's memory, when a model is loaded."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.diffusion.autoencoder import WHOLE_AREA, Autoencoder
from models.diffusion.conditioning import stack
from models.diffusion.denoisers.protocol import Denoiser
from models.diffusion.memory import DecodeProbe, MemoryModel, StepProbe

ROWS = (1, 2)
USABLE = 0.95
"""Of what is free: the allocator keeps some in blocks of the wrong size."""


@torch.inference_mode()
def fit_memory(
    denoiser: Denoiser,
    autoencoder: Autoencoder,
    *,
    sizes: Sequence[tuple[int, int]],
    max_batch: int,
    budget: int | None = None,
) -> MemoryModel:
    """A model fitted to passes and decodes at each of `sizes`: (width, height) in pixels, the smallest and the largest.

    `budget` is the bytes that they may take beside the loaded model. Without one it is what is free of a GPU's memory,
    within the share that this process may have; a CPU then has no limit, because its memory is not the engine's alone.
    `max_batch` is the most pictures that are decoded together. Takes a few passes' time, at load.
    """
    if budget is None:
        if denoiser.device.type != "cuda":
            return MemoryModel.unlimited()
        budget = int(USABLE * _free_bytes(denoiser.device))
    steps, decodes = [], []
    for width, height in sorted(set(sizes), key=lambda size: size[0] * size[1]):
        factor = denoiser.latent_factor
        latents = torch.zeros(denoiser.latent_channels, height // factor, width // factor, device=denoiser.device)
        area = latents.shape[1] * latents.shape[2]
        for rows in ROWS:
            peak = _peak_of(denoiser.device, _pass(denoiser, latents, rows, width, height))
            if peak is not None:
                steps.append(StepProbe(area, rows, peak))
        together = max(1, min(max_batch, WHOLE_AREA // area))
        peak = _peak_of(denoiser.device, lambda: autoencoder.decode([latents] * together).pictures())  # noqa: B023
        if peak is not None:
            decodes.append(DecodeProbe(together * area, peak))
    return MemoryModel.fit(steps, decodes, budget)


def _pass(denoiser: Denoiser, latents: Tensor, rows: int, width: int, height: int) -> Callable[[], object]:
    row = denoiser.complete(denoiser.encode(""), width=width, height=height, guidance_scale=2.0)

    def run() -> Tensor:
        batch = latents.to(denoiser.dtype).expand(rows, *latents.shape)
        return denoiser.predict(batch, torch.ones(rows, device=denoiser.device), stack([row] * rows)).float()

    return run


def _peak_of(device: torch.device, run: Callable[[], object]) -> int | None:
    """Bytes that `run` takes at most at a time; None if there are not as many."""
    measure = _peak_on_cuda if device.type == "cuda" else _peak_of_tensors
    try:
        return measure(device, run)
    except torch.OutOfMemoryError:
        pass
    torch.cuda.empty_cache()
    return None


def _peak_on_cuda(device: torch.device, run: Callable[[], object]) -> int:
    run()  # what is set up once, such as cuBLAS's workspace, belongs to the model at rest
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    at_rest = torch.cuda.memory_allocated(device)
    run()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - at_rest


def _peak_of_tensors(_: torch.device, run: Callable[[], object]) -> int:
    with _LiveTensors() as live:
        run()
    return live.peak


def _free_bytes(device: torch.device) -> int:
    free, total = torch.cuda.mem_get_info(device)
    reserved, allocated = torch.cuda.memory_reserved(device), torch.cuda.memory_allocated(device)
    share = int(total * torch.cuda.get_per_process_memory_fraction(device))
    return min(free + reserved, share) - allocated


class _LiveTensors(TorchDispatchMode):
    """Counts the bytes of all tensors that are made inside and still held. An operation's own scratch space is not
    seen, so this is a lower bound, and a close one for convolutions and products."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._now = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        place, size = storage.data_ptr(), storage.nbytes()
        if place in self._seen or not size:
            return
        self._seen.add(place)
        self._now += size
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._forget, place, size)

    def _forget(self, place: int, size: int) -> None:
        self._seen.discard(place)
        self._now -= size
