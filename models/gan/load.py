"""From a catalog entry to a GAN engine."""

import torch

from configs.catalog import ModelEntry
from gitex.ports import Clock, Recorder
from gitex.variants import ImageLimits, ModelInfo, Variant
from models.device import compute_dtype, prepare_device
from models.gan.engine import GanEngine
from models.gan.network import load_generator
from models.registry.digest import weights_date
from models.registry.sources import checked_digest, resolve_source


def load_gan_engine(entry: ModelEntry, recorder: Recorder, clock: Clock) -> GanEngine:
    """Load, check and warm the generator of `entry`.

    Raises `SettingsError`, `WeightsMismatch`, `Unavailable`.
    """
    folder = resolve_source(entry.source)
    digest = checked_digest(entry, folder)
    device = prepare_device(entry.engine)
    generator = load_generator(folder).to(device, compute_dtype(entry.engine, device)).requires_grad_(False)
    config = generator.config
    with torch.inference_mode():
        label = torch.zeros(1, dtype=torch.long, device=device)
        generator(torch.zeros(1, config.latent, device=device, dtype=generator.constant.dtype), label)
    info = ModelInfo(
        variant=Variant(entry.name, entry.version, digest),
        kind="gan",
        created=weights_date(folder),
        image=ImageLimits(
            default_width=config.side,
            default_height=config.side,
            min_side=config.side,
            max_side=config.side,
            side_multiple=config.side,
            labels=config.labels,
        ),
    )
    return GanEngine(info, generator, max_batch=entry.engine.max_batch, recorder=recorder, clock=clock)
