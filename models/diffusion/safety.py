"""What an engine asks before it takes a prompt and before it hands out a picture."""

from typing import Protocol

from models.diffusion.mailbox import Pixels


class SafetyChecker(Protocol):
    """Names the category of what must be refused. Called by the engine's own thread only."""

    def refuses_prompt(self, prompt: str) -> str | None:
        """The category that the prompt falls under, or None."""

    def refuses_picture(self, picture: Pixels) -> str | None:
        """The category that the picture falls under, or None. uint8 (height, width, 3)."""


class EverythingAllowed:
    """The checker of models that can draw nothing of harm."""

    def refuses_prompt(self, prompt: str) -> str | None:
        return None

    def refuses_picture(self, picture: Pixels) -> str | None:
        return None
