"""Prompts through the text encoders that several architectures share, as diffusers' pipelines run them."""

from typing import Any

from torch import Tensor

from gitex.errors import SettingsError


def run_clip(tokenizer: Any, encoder: Any, prompt: str) -> Any:
    """The output of a CLIP text encoder (arXiv:2103.00020) with all hidden states; padded to its full length."""
    tokens = _token_ids(tokenizer, prompt, tokenizer.model_max_length)
    return encoder(tokens.to(encoder.device), output_hidden_states=True)


def run_t5(tokenizer: Any, encoder: Any, prompt: str, length: int) -> Tensor:
    """The last layer of a T5 encoder (arXiv:1910.10683), (length, width). Padding is attended to, as in training."""
    encoded: Tensor = encoder(_token_ids(tokenizer, prompt, length).to(encoder.device))[0][0]
    return encoded


def check_complete(**parts: object) -> None:
    """Raises `SettingsError` naming the first part of a pipeline that is missing."""
    for name, part in parts.items():
        if part is None:
            raise SettingsError(f"a pipeline without {name} is not supported", param="source")


def _token_ids(tokenizer: Any, prompt: str, length: int) -> Tensor:
    tokens: Tensor = tokenizer(
        prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids
    return tokens
