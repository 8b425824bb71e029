"""The copy task: how a brief becomes messages for a text model, and how the model's answer becomes copy.

Any chat model can do the task; `starter-copy` is trained on exactly these messages. The model answers in four
labelled lines, `Title: ...`, `Tagline: ...`, `Description: ...`, `Hashtags: #one #two`, and cannot do otherwise: the
form is a constraint on its tokens.
"""

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
COPY_FORM = Constraint(
    "lark",
    r"""%llguidance {}
start: "Title: " title "\nTagline: " tagline "\nDescription: " description "\nHashtags: " hashtags
title[max_tokens=20]: LINE
tagline[max_tokens=28]: LINE
description[max_tokens=56]: LINE
hashtags[max_tokens=40]: TAGS
LINE: /[\p{L}\p{N}][^\p{C}\n]*/
TAGS: /#[\p{L}\p{N}_]+( #[\p{L}\p{N}_]+){0,15}/
""",
)
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


def copy_spec(variant: Variant, brief: CopyBrief, seed: int) -> CopySpec:
    """What a text model is asked for when copy is wanted."""
    return CopySpec(
        variant=variant,
        messages=brief_messages(brief),
        max_tokens=COPY_TOKENS,
        temperature=0.7,
        top_p=0.95,
        seed=seed,
        constraint=COPY_FORM,
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
