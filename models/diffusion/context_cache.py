"""Encoded prompts of late: prompts repeat, the empty negative prompt most of all."""

from collections import OrderedDict
from typing import NamedTuple

from models.diffusion.conditioning import Conditioning
from models.diffusion.denoisers.protocol import Denoiser


class _Prompt(NamedTuple):
    text: str
    negative: bool
    adapters: tuple[tuple[str, float], ...]
    """A text encoder may be adapted too."""


class ContextCache:
    """The last `capacity` encoded prompts. Each is encoded alone, so that its values never depend on company."""

    def __init__(self, denoiser: Denoiser, capacity: int = 64) -> None:
        self._denoiser = denoiser
        self._capacity = capacity
        self._encoded: OrderedDict[_Prompt, Conditioning] = OrderedDict()

    def encode(self, text: str, adapters: tuple[tuple[str, float], ...], *, negative: bool = False) -> Conditioning:
        """The prompt's conditioning, from memory if it was encoded lately."""
        prompt = _Prompt(text, negative, adapters)
        encoded = self._encoded.get(prompt)
        if encoded is None:
            self._denoiser.use_adapters(adapters)
            encoded = self._encoded[prompt] = self._denoiser.encode(text, negative=negative)
            if len(self._encoded) > self._capacity:
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(prompt)
        return encoded

    def clear(self) -> None:
        """Forget everything: memory is short."""
        self._encoded.clear()
