"""Constrained decoding: which tokens may come next so that the text keeps its form. The work is llguidance's."""

import json

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from gitex.errors import InvalidInput, SettingsError
from gitex.specs import Constraint


class Vocabulary:
    """A tokenizer's tokens as the bytes they stand for: what forms are checked against."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, size: int, stop_tokens: list[int]) -> None:
        """`size` is the number of the model's logits. Raises `SettingsError` for a tokenizer that is not a fast one."""
        try:
            self._tokens: LLTokenizer = from_tokenizer(tokenizer, n_vocab=size, eos_token=stop_tokens or None)
        except ValueError as problem:
            raise SettingsError(f"the tokenizer cannot be used: {problem}", param="source") from problem
        self.size = size

    def bytes_of(self, token: int) -> bytes:
        """What the token adds to the text."""
        content: bytes = self._tokens.decode_bytes([token])
        return content

    def form(self, constraint: Constraint) -> "Form":
        """A text of the form, not begun yet. May take some 100 ms. Raises `InvalidInput`."""
        try:
            grammar = _grammar(constraint)
        except ValueError as problem:
            raise InvalidInput(f"the form cannot be read: {problem}", param="response_format") from problem
        matcher = LLMatcher(self._tokens, grammar, log_level=0)
        if matcher.is_error():
            raise InvalidInput(f"the form cannot be kept: {matcher.get_error()}", param="response_format")
        return Form(matcher, self.size)


class Form:
    """How far one text has come in its form."""

    def __init__(self, matcher: LLMatcher, size: int) -> None:
        self._matcher = matcher
        self._size = size
        self._followed = 0

    def follow(self, written: list[int]) -> None:
        """Go on to the end of `written`, which begins as it began at the last call."""
        self._matcher.consume_tokens(written[self._followed :])
        self._followed = len(written)

    def allowed(self) -> Tensor:
        """Which tokens may come next, (vocabulary,) of bool; when the text is complete, the stop tokens only."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        return torch.from_numpy(np.unpackbits(bits, count=self._size, bitorder="little").astype(bool))


def _grammar(constraint: Constraint) -> str:
    """llguidance's own grammar of a form. Raises `ValueError`."""
    if constraint.kind == "lark":
        return str(LLMatcher.grammar_from_lark(constraint.text))
    # One way to write a value: a model that may choose its spaces can go on choosing spaces.
    return str(
        LLMatcher.grammar_from_json_schema(
            json.loads(constraint.text),
            overrides={"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "},
        )
    )
