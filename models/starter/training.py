"""What the trainings of the image models share: the schedule, the step, the sample sheets."""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn


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
    tiles = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    rows = [np.concatenate(list(tiles[i : i + columns]), axis=1) for i in range(0, len(tiles), columns)]
    Image.fromarray(np.concatenate(rows, axis=0)).save(path)
