"""Which class a prompt asks for."""

import re

from gitex.errors import InvalidInput

_WORD = re.compile(r"\w+")


def label_in(prompt: str, labels: tuple[str, ...], param: str = "prompt") -> int:
    """The number of the one label that the prompt names, whatever words surround it.

    A label counts as named when its words stand in the prompt side by side, or else when they all occur. Raises
    `InvalidInput`, naming the field `param`, when no label, or more than one, is named.
    """
    words = _WORD.findall(prompt.lower())
    spaced = f" {' '.join(words)} "
    named = [i for i, label in enumerate(labels) if f" {_normal(label)} " in spaced]
    if not named:
        named = [i for i, label in enumerate(labels) if set(_normal(label).split()) <= set(words)]
    if len(named) != 1:
        several = "more than one of" if named else "none of"
        raise InvalidInput(f"{param} names {several} this model's labels: {', '.join(labels)}", param=param)
    return named[0]


def _normal(label: str) -> str:
    return " ".join(_WORD.findall(label.lower()))
