"""A Serve replica that does as the prompt says. In a module of its own, so that Ray's workers can import it."""

import asyncio
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from gitex.errors import InvalidInput, Overloaded
from gitex.events import Finished, ImageEvent, ImageOutput, StageSeconds, Step
from gitex.ports import RunContext
from gitex.specs import ImageSpec

OUTPUT = ImageOutput(b"png", "image/png", 8, 8, StageSeconds())


class Scripted:
    """The prompt says what to do: a path means to die unless it exists. `cancelled` counts runs nobody waits for."""

    def __init__(self) -> None:
        self.cancelled = 0

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        try:
            if spec.prompt == "refuse":
                raise InvalidInput("no", param="prompt")
            if spec.prompt == "full":
                raise Overloaded("full", retry_after=7.0)
            yield Step(1, 2)
            if spec.prompt.startswith("/") and not Path(spec.prompt).exists():
                Path(spec.prompt).touch()
                os._exit(1)
            if spec.prompt == "hang":
                await asyncio.Event().wait()
            yield Finished(OUTPUT)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise

    def count(self) -> int:
        return self.cancelled
