"""The copy task: how a brief becomes messages for a text model, and how the model's answer becomes copy.

Any chat model can do the task; `starter-copy` is trained on exactly these messages. The model answers in four
labelled lines: `Title: ...`, `Tagline: ...`, `Description: ...`, `Hashtags: #one #two`.
"""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from gitex.errors import EngineFailure, InvalidInput
from gitex.specs import Message

Tone = Literal["neutral", "playful", "formal", "poetic", "bold"]
TONES: tuple[Tone, ...] = get_args(Tone)
_LABELS = ("Title", "Tagline", "Description", "Hashtags")
_TASK = "Write copy for a picture in four lines: " + ", ".join(_LABELS) + "."
_LABEL = re.compile(rf"^[\s>*_#-]*({'|'.join(_LABELS)})[*_\s]*:[*_]*", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(r"[^\s,;#]+")
_QUOTES = "\"'“”‘’*_` \t\r\n"


@dataclass(frozen=True)
class CopyBrief:
    """What copy is wanted for: the picture's prompt, words that should appear, and the tone.

    Raises `InvalidInput` naming the field when the prompt is blank, a keyword is blank or has a comma or a line
    break (they separate keywords), or the tone is unknown.
    """

    prompt: str
    keywords: tuple[str, ...] = ()
    tone: Tone = "neutral"

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise InvalidInput("the prompt is empty", param="prompt")
        if any(not word.strip() or {",", "\n", "\r"} & set(word) for word in self.keywords):
            raise InvalidInput("a keyword is a word or a phrase without commas or line breaks", param="keywords")
        if self.tone not in TONES:
            raise InvalidInput(f"tone {self.tone!r} is not one of {', '.join(TONES)}", param="tone")


@dataclass(frozen=True)
class CopyText:
    """Copy for one picture. No part is empty; each hashtag begins with `#`."""

    title: str
    tagline: str
    description: str
    hashtags: tuple[str, ...]

    def __str__(self) -> str:
        """The four labelled lines, as `parse_copy` reads them."""
        parts = (self.title, self.tagline, self.description, " ".join(self.hashtags))
        return "\n".join(f"{label}: {part}" for label, part in zip(_LABELS, parts, strict=True))


def brief_messages(brief: CopyBrief) -> tuple[Message, ...]:
    """One system message that names the task and the tone, one user message with the picture and the keywords."""
    picture = f"Picture: {' '.join(brief.prompt.split())}"
    keywords = f"\nKeywords: {', '.join(word.strip() for word in brief.keywords)}" if brief.keywords else ""
    return (Message("system", f"{_TASK} Tone: {brief.tone}."), Message("user", picture + keywords))


def parse_copy(text: str) -> CopyText:
    """Read a model's answer; lenient about case, markdown, quotes, order and line breaks, but inventing nothing.

    Raises `EngineFailure` naming the parts that are missing or empty: another seed may do better.
    """
    found = list(_LABEL.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    parts: dict[str, str] = {}
    for match, end in zip(found, ends, strict=False):
        parts.setdefault(match[1].capitalize(), " ".join(text[match.end() : end].split()).strip(_QUOTES))
    tags = (tag.strip(_QUOTES + ".") for tag in _TAG.findall(parts.get("Hashtags", "")))
    hashtags = tuple(dict.fromkeys(f"#{tag}" for tag in tags if tag))
    missing = [label for label in _LABELS[:3] if not parts.get(label)] + ([] if hashtags else [_LABELS[3]])
    if missing:
        raise EngineFailure(f"the model's answer has no {', '.join(missing).lower()}")
    return CopyText(parts["Title"], parts["Tagline"], parts["Description"], hashtags)
