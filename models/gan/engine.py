"""The GAN engine: batches of specs in, pictures out, one forward pass a batch."""

import torch
from torch import Tensor

from gitex import metrics
from gitex.errors import EngineFailure, InvalidInput, OutOfMemory, Unavailable
from gitex.events import ImageOutput, StageSeconds
from gitex.ports import Clock, Recorder
from gitex.specs import MAX_SEED, GanSettings, ImageSpec
from gitex.variants import ModelInfo
from models.gan.labels import label_in
from models.gan.network import Generator
from models.png import png_bytes


class GanEngine:
    """Runs image specs of one class-conditional generator. Synchronous: `run_batch` is called in a worker thread."""

    def __init__(self, info: ModelInfo, generator: Generator, *, recorder: Recorder, clock: Clock) -> None:
        self.info = info
        self._generator = generator
        self._device = generator.constant.device
        self._dtype = generator.constant.dtype
        self._recorder = recorder
        self._clock = clock
        self._tags = {"variant": info.variant.id}
        self._closed = False
        self._broken: str | None = None

    def validate(self, spec: ImageSpec) -> None:
        """Raise `InvalidInput`, naming the field, for a spec that this model cannot run."""
        if spec.variant != self.info.variant:
            raise InvalidInput(f"this engine runs {self.info.variant.id}, not {spec.variant.id}", param="model")
        if not 0 <= spec.seed <= MAX_SEED:
            raise InvalidInput("seed must be from 0 to 2**64 - 1", param="seed")
        side = self._generator.config.side
        if (spec.width, spec.height) != (side, side):
            raise InvalidInput(f"this model makes pictures of {side}x{side} only", param="size")
        if not 0 <= _settings(spec).truncation <= 1:
            raise InvalidInput("truncation must be 0 to 1", param="truncation")
        label_in(spec.prompt, self._generator.config.labels)

    def run_batch(self, specs: list[ImageSpec]) -> list[ImageOutput]:
        """One picture for each spec, in order; a picture does not depend on its neighbours beyond rounding.

        Raises `InvalidInput` for the first spec that cannot be run, `OutOfMemory`, `EngineFailure`, and `Unavailable`
        after `close`.
        """
        if self._closed:
            raise Unavailable("the GAN engine is shutting down")
        for spec in specs:
            self.validate(spec)
        began = self._clock.now()
        levels = self._levels(specs)
        made = self._clock.now()
        contents = [png_bytes(picture.numpy()) for picture in levels]
        stages = StageSeconds(denoise=made - began, decode=self._clock.now() - made)
        self._record(len(specs), stages)
        side = self._generator.config.side
        return [ImageOutput(content, "image/png", side, side, stages) for content in contents]

    def check(self) -> None:
        """Raise `EngineFailure` if the last pass broke the device."""
        if self._broken is not None:
            raise EngineFailure(self._broken)

    async def close(self) -> None:
        """Refuse further work. A pass that runs now ends by itself within milliseconds."""
        self._closed = True

    def _levels(self, specs: list[ImageSpec]) -> Tensor:
        """Bytes (n, side, side, 3) on the CPU."""
        try:
            pictures = self._forward(specs)
        except torch.OutOfMemoryError as problem:
            raise OutOfMemory(f"{len(specs)} pictures do not fit into the device's memory") from problem
        except RuntimeError as problem:
            self._broken = f"the GAN engine broke: {problem}"
            raise EngineFailure(self._broken) from problem
        if not pictures.isfinite().all():
            raise EngineFailure("the model made a picture of values that are not numbers")
        return ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()

    @torch.inference_mode()
    def _forward(self, specs: list[ImageSpec]) -> Tensor:
        config = self._generator.config
        latents = torch.cat([_latent(spec.seed, config.latent) for spec in specs])
        labels = torch.tensor([label_in(spec.prompt, config.labels) for spec in specs])
        truncation = torch.tensor([_settings(spec).truncation for spec in specs])
        pictures = self._generator(
            latents.to(self._device, self._dtype), labels.to(self._device), truncation.to(self._device, self._dtype)
        )
        return pictures.float().cpu()

    def _record(self, count: int, stages: StageSeconds) -> None:
        self._recorder.count(metrics.IMAGES.name, count, self._tags)
        self._recorder.observe(metrics.BATCH_SIZE.name, count, self._tags)
        for _ in range(count):
            self._recorder.observe(metrics.STAGE_SECONDS.name, stages.denoise, {**self._tags, "stage": "denoise"})
            self._recorder.observe(metrics.STAGE_SECONDS.name, stages.decode, {**self._tags, "stage": "decode"})


def _latent(seed: int, size: int) -> Tensor:
    """Drawn on the CPU by the request's own generator: the same on every device, whoever shares the batch."""
    return torch.randn(1, size, generator=torch.Generator().manual_seed(seed))


def _settings(spec: ImageSpec) -> GanSettings:
    if not isinstance(spec.settings, GanSettings):
        raise InvalidInput("this model takes GAN settings", param="settings")
    return spec.settings
