"""From tokens to text, piece by piece: no broken characters, right spaces, nothing of a stop string."""

from typing import Protocol

_INCOMPLETE = "\ufffd"


class Decoder(Protocol):
    """The part of a tokenizer that is needed here."""

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool) -> str: ...


class Detokeniser:
    """Text of a growing token list; the pieces join to exactly what decoding all tokens at once gives.

    A token's text can depend on those before it (spaces, characters of several bytes), so each step decodes a short
    window twice, without and with the new tokens, and gives the difference once it ends in a whole character.
    """

    def __init__(self, tokenizer: Decoder) -> None:
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._window = 0
        self._given = 0

    def push(self, tokens: list[int]) -> str:
        """The new text that is certain after `tokens`; may be empty."""
        self._tokens += tokens
        text, known = self._read()
        if text.endswith(_INCOMPLETE):
            return ""
        self._window, self._given = self._given, len(self._tokens)
        return text[len(known) :]

    def flush(self) -> str:
        """What is left at the end: an incomplete character, as the tokenizer shows it."""
        text, known = self._read()
        self._window = self._given = len(self._tokens)
        return text[len(known) :]

    def _read(self) -> tuple[str, str]:
        """The window's text, and the part of it that was given already."""
        return self._decode(self._tokens[self._window :]), self._decode(self._tokens[self._window : self._given])

    def _decode(self, tokens: list[int]) -> str:
        return self._tokenizer.decode(tokens, skip_special_tokens=True)


class StopStrings:
    """Lets text through up to the first stop string; holds back what may turn out to begin one."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """The text that may be shown now. After `stopped` became true, nothing more."""
        if self.stopped:
            return ""
        text = self._held + text
        found = [at for at in (text.find(stop) for stop in self._stops) if at >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def flush(self) -> str:
        """What was held back, when no more text comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
