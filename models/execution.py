"""Where and with what a model runs, as the asset's provenance tells it."""

import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

from gitex.events import Execution

_LIBRARIES = ("torch", "diffusers", "transformers")


def execution_of(device: torch.device, dtype: torch.dtype, *, strict: bool) -> Execution:
    """What running the same spec again must be compared with."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name()
    return Execution(
        strict=strict,
        device=f"{device.type}: {name}",
        dtype=str(dtype).removeprefix("torch."),
        versions=tuple(f"{library} {version(library)}" for library in _LIBRARIES),
    )


@cache
def _cpu_name() -> str:
    """The processor's own name and its widest vector set, which decides how torch rounds."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = (
            line.partition(":")[2].strip() for line in information.read_text().splitlines() if "model name" in line
        )
        model = next(names, model)
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"
