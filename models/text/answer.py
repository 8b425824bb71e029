"""A text as it grows: what of it may be shown, and which tokens the shown part was read from."""

from collections import deque
from typing import NamedTuple

from gitex.events import TokenLogprob
from models.text.constraints import Vocabulary
from models.text.detokenise import Decoder, Detokeniser, StopStrings
from models.text.processor import Note


class Shown(NamedTuple):
    """What may be shown now."""

    text: str
    logprobs: tuple[TokenLogprob, ...]


class _Held(NamedTuple):
    begin: int
    """Where in the text the token begins, in characters."""
    note: Note


class Answer:
    """Turns tokens into text, up to the first stop string; a token's logprob is told with the text that it began."""

    def __init__(self, tokenizer: Decoder, vocabulary: Vocabulary, stops: tuple[str, ...]) -> None:
        self._pieces, self._stops = Detokeniser(tokenizer), StopStrings(stops)
        self._vocabulary = vocabulary
        self._read = self._shown = 0
        self._held: deque[_Held] = deque()

    @property
    def stopped(self) -> bool:
        """Whether a stop string was met: nothing more is shown."""
        return self._stops.stopped

    def push(self, tokens: list[int], notes: list[Note]) -> Shown:
        """Take new tokens; `notes` holds one of each, or is empty where none were asked for."""
        text = ""
        for i, token in enumerate(tokens):
            if notes:
                self._held.append(_Held(self._read, notes[i]))
            piece = self._pieces.push([token])
            self._read += len(piece)
            text += self._stops.push(piece)
        return self._show(text)

    def flush(self) -> Shown:
        """What was held back, when no more tokens come."""
        return self._show(self._stops.push(self._pieces.flush()) + self._stops.flush())

    def _show(self, text: str) -> Shown:
        self._shown += len(text)
        told = []
        while self._held and self._held[0].begin < self._shown:
            told.append(self._tell(self._held.popleft().note))
        return Shown(text, tuple(told))

    def _tell(self, note: Note) -> TokenLogprob:
        token, logprob = note.chosen
        return self._name(token, logprob, tuple(self._name(*other) for other in note.top))

    def _name(self, token: int, logprob: float, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        content = self._vocabulary.bytes_of(token)
        return TokenLogprob(content.decode(errors="replace"), content, logprob, top)
