"""What the trainings share: where they compute, the schedule, the step, checkpoints, the sample sheets.

Random numbers are always drawn on the CPU: a seed then means the same data whatever computes, and a checkpoint holds
one state of chance.
"""

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

CPU = torch.device("cpu")


def chosen_device(name: str) -> torch.device:
    """`auto` is CUDA if there is one, else the CPU. Raises `ValueError` for a device that is not here or not known."""
    found = torch.cuda.is_available()
    if name == "auto":
        name = "cuda" if found else "cpu"
    if name not in ("cpu", "cuda") or (name == "cuda" and not found):
        raise ValueError(f"there is no device {name!r} here to train on")
    return torch.device(name)


def fast_arithmetic(device: torch.device) -> torch.autocast:
    """bfloat16 where the device multiplies matrices in it, which halves a step's time; else the exact arithmetic.

    On a CPU without matrix tiles a step in bfloat16 takes 1.6 times that of one in float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device))


def has_bfloat16(device: torch.device) -> bool:
    return device.type == "cuda" or bool(torch.cpu._is_amx_tile_supported())


class Stateful(Protocol):
    """A model, an optimizer, a schedule or an average of weights."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state_dict: Any) -> Any: ...


class Checkpoint:
    """Where a stage of a training stands, in one file, so that after an interruption it goes on from there."""

    def __init__(self, path: Path, every: int, **parts: Stateful) -> None:
        self._path = path
        self._every = every
        self._parts = parts

    def resume(self) -> int:
        """The step to go on with: 0 if nothing was saved. Restores the parts and torch's random numbers."""
        if not self._path.exists():
            return 0
        saved = torch.load(self._path, map_location=CPU, weights_only=True)
        for name, part in self._parts.items():
            part.load_state_dict(saved["parts"][name])
        torch.set_rng_state(saved["random"])
        step: int = saved["step"]
        return step

    def remaining(self, steps: int, name: str) -> "tqdm[int]":
        """The numbers of the steps still to do of `steps`, with a progress bar."""
        done = self.resume()
        return tqdm(range(done, steps), name, initial=done, total=steps, mininterval=5)

    def after(self, step: int) -> None:
        """Save if `step`, counted from 0 and just done, ends a stretch of `every` steps."""
        if (step + 1) % self._every:
            return
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        partial = self._path.with_suffix(".partial")
        torch.save({"step": step + 1, "random": torch.get_rng_state(), "parts": parts}, partial)
        partial.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


def warm_cosine(optimizer: torch.optim.Optimizer, steps: int, warm: int = 50) -> torch.optim.lr_scheduler.LambdaLR:
    def factor(step: int) -> float:
        return min(1.0, (step + 1) / warm) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def descend(
    loss: Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LambdaLR
) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()


def save_sheet(pictures: Tensor, path: Path, columns: int) -> None:
    """Write pictures (n, 3, h, w) in -1..1 as one PNG grid."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tiles = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    rows = [np.concatenate(list(tiles[i : i + columns]), axis=1) for i in range(0, len(tiles), columns)]
    Image.fromarray(np.concatenate(rows, axis=0)).save(path)
