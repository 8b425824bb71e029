"""Where figures were measured: without it they say nothing."""

import os
import platform
from importlib.metadata import version
from typing import Any

import torch


def machine(device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """The hardware and software of a run."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "dtype": str(dtype).removeprefix("torch."),
        "load": [round(load, 1) for load in os.getloadavg()],
        **{name: version(name) for name in ("torch", "diffusers", "transformers")},
    }
