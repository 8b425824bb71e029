"""Encoded prompts of late: prompts repeat, the empty negative prompt most of all."""

from collections import OrderedDict

from torch import Tensor

from models.diffusion.denoiser import Denoiser


class ContextCache:
    """The last `capacity` encoded prompts. Each is encoded alone, so that its values never depend on company."""

    def __init__(self, denoiser: Denoiser, capacity: int = 64) -> None:
        self._denoiser = denoiser
        self._capacity = capacity
        self._contexts: OrderedDict[str, Tensor] = OrderedDict()

    def encode(self, prompt: str) -> Tensor:
        """The prompt as (tokens, width), from memory if it was encoded lately."""
        context = self._contexts.get(prompt)
        if context is None:
            context = self._contexts[prompt] = self._denoiser.encode(prompt)
            if len(self._contexts) > self._capacity:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end(prompt)
        return context
