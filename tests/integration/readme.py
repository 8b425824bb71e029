"""The README's code blocks."""

import re
from typing import NamedTuple

from configs.catalog import REPOSITORY


class Snippet(NamedTuple):
    """One fenced block."""

    language: str
    code: str


def snippets() -> list[Snippet]:
    """All fenced blocks that name a language, in order."""
    text = (REPOSITORY / "README.md").read_text()
    return [Snippet(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]
