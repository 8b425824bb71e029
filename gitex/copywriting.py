"""The copy task: how a brief becomes messages for a text model, and how the model's answer becomes copy.

Any chat model can do the task; `starter-copy` is trained on exactly these messages. The model answers in four
labelled lines, `Title: ...`, `Tagline: ...`, `Description: ...`, `Hashtags: #one #two`, and cannot do otherwise: the
form is a constraint on its tokens.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from gitex.errors import EngineFailure, InvalidInput
from gitex.specs import Constraint, CopySpec, Message
from gitex.variants import Variant

Tone = Literal["neutral", "playful", "formal", "poetic", "bold"]
TONES: tuple[Tone, ...] = get_args(Tone)
_LABELS = ("Title", "Tagline", "Description", "Hashtags")
_TASK = "Write copy for a picture in four lines: " + ", ".join(_LABELS) + "."
# A part has a limit of tokens: a model that does not end its line has it ended.
_PARTS = r"""%llguidance {}
start: "Title: " title "\nTagline: " tagline "\nDescription: " description "\nHashtags: " hashtags
title[max_tokens=20]: LINE
tagline[max_tokens=28]: LINE
description[max_tokens=56]: LINE
hashtags[max_tokens=40]: TAGS
"""
COPY_FORM = Constraint(
    "lark",
    rf"""{_PARTS}LINE: /[\p{{L}}\p{{N}}][^\p{{C}}\n]*/
TAGS: /#[\p{{L}}\p{{N}}_]+( #[\p{{L}}\p{{N}}_]+){{0,15}}/
""",
)
MAX_WORD = 32
"""Characters of a brief's word that copy may repeat: a longer one would take the room of all others."""
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
COPY_TOKENS = 20 + 28 + 56 + 40 + 40
"""No answer of the form is longer: its parts, and what any vocabulary needs for the labels."""
_CUT = "\ufffd"
"""A character whose last bytes were over a part's limit."""


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


def copy_form(brief: CopyBrief, words: Iterable[str]) -> Constraint:
    """The form of copy. With `words`, a model's own, it has no others but those of the brief: a very small model would
    garble half of what it has never read."""
    known = dict.fromkeys(words)
    if not known:
        return COPY_FORM
    asked = [word for text in (brief.prompt, *brief.keywords) for word in _WORD.findall(text)]
    joined = [tag for text in brief.keywords if (tag := "".join(_WORD.findall(text)))]
    wanted = {word for word in (*asked, *joined) if len(word) <= MAX_WORD}
    word = "|".join(map(_spellings, sorted({*known, *wanted})))
    return Constraint(
        "lark",
        rf"""{_PARTS}LINE: /({word})([^\p{{L}}\p{{N}}\p{{C}}]+({word}))*[^\p{{L}}\p{{N}}\p{{C}}]*/
TAGS: /#({word})( #({word})){{0,15}}/
""",
    )


def _spellings(word: str) -> str:
    """A regular expression for a word as it stands, and with its first letter in upper and in lower case."""
    first = "".join(sorted({word[0].lower(), word[0].upper(), word[0]}))
    letter = f"[{first}]" if len(first) <= 3 and first.isalnum() else re.escape(word[0])
    return letter + re.escape(word[1:])


def copy_spec(variant: Variant, brief: CopyBrief, seed: int, words: Iterable[str] = ()) -> CopySpec:
    """What a text model is asked for when copy is wanted. `words`: see `TextLimits`."""
    return CopySpec(
        variant=variant,
        messages=brief_messages(brief),
        max_tokens=COPY_TOKENS,
        temperature=0.7,
        top_p=0.95,
        seed=seed,
        constraint=copy_form(brief, words),
    )


def parse_copy(text: str) -> CopyText:
    """Read an answer of the form. Raises `EngineFailure` if it is not one: the model did not get to the end of it."""
    parts = [line.partition(": ") for line in text.split("\n")]
    if tuple(label for label, _, _ in parts) != _LABELS:
        raise EngineFailure(f"the answer's lines are not {', '.join(_LABELS)}")
    title, tagline, description, tags = (part.rstrip(f"{_CUT} ") for _, _, part in parts)
    hashtags = tuple(dict.fromkeys(tag for tag in tags.replace(_CUT, "").split() if tag != "#"))
    if not (title and tagline and description and hashtags):
        raise EngineFailure("the answer has an empty part")
    return CopyText(title, tagline, description, hashtags)
