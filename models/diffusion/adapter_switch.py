"""Turning LoRA adapters on and off between passes."""

from diffusers import DiffusionPipeline


class AdapterSwitch:
    """Turns a pipeline's loaded adapters on and off; a freshly loaded pipeline has them off."""

    def __init__(self, pipeline: DiffusionPipeline) -> None:
        self._pipeline = pipeline
        self._active: tuple[tuple[str, float], ...] | None = ()

    def use(self, adapters: tuple[tuple[str, float], ...]) -> None:
        """Activate exactly these, by name and weight. Adapters that are active already cost nothing."""
        if adapters == self._active:
            return
        self._active = None  # unknown, should one of the next calls fail half-way
        if adapters:
            self._pipeline.enable_lora()
            self._pipeline.set_adapters([name for name, _ in adapters], [weight for _, weight in adapters])
        else:
            self._pipeline.disable_lora()
        self._active = adapters
