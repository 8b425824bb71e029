"""Where an engine computes, and in which precision: from the catalog's options to torch's words."""

import gc
import logging
import os
import threading

import torch

from configs.catalog import EngineOptions
from gitex.errors import SettingsError
from models.host_memory import keep_freed_memory

logger = logging.getLogger(__name__)

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def prepare_device(options: EngineOptions) -> torch.device:
    """The device of `options`, with its memory share or thread count set for this process. Raises `SettingsError`."""
    name = options.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as problem:
        raise SettingsError(f"device {name!r} is not known", param="engine.device") from problem
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise SettingsError("there is no CUDA device here", param="engine.device")
        torch.cuda.set_per_process_memory_fraction(options.memory_fraction, device)
    elif device.type == "cpu":
        # Ray sets OMP_NUM_THREADS from num_cpus, which is bookkeeping: say how many threads are really wanted.
        torch.set_num_threads(options.threads or os.cpu_count() or 1)
        keep_freed_memory()
    else:
        raise SettingsError(f"device {name!r} is not supported", param="engine.device")
    return device


def compute_dtype(options: EngineOptions, device: torch.device) -> torch.dtype:
    """The precision of `options`; `auto` is float32 on CPU and float16 on a GPU."""
    if options.dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    return _DTYPES[options.dtype]


def leave_device(thread: threading.Thread, seconds: float) -> None:
    """Wait up to `seconds` for an engine's thread, which alone holds the model, and give the memory back. Blocks."""
    thread.join(seconds)
    if thread.is_alive():
        logger.error("the thread %s did not end in %s seconds", thread.name, seconds)
        return
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
