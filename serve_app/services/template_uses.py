"""Counting how often renderings of templates are asked for, beside the requests and not in their way."""

import asyncio
import logging
from collections import Counter

from gitex.errors import GitexError
from gitex.ports import TemplateStore
from gitex.templates import Rendering

log = logging.getLogger("gitex.templates")

_MOST_WAITING = 1000
_CLOSE_SECONDS = 5.0


class TemplateUses:
    """Notes uses in memory; one task writes them. What a crash loses is a few counts, never a picture."""

    def __init__(self, store: TemplateStore) -> None:
        self._store = store
        self._waiting: dict[str, Counter[Rendering]] = {}
        self._writer: asyncio.Task[None] | None = None

    def note(self, template_id: str, rendering: Rendering) -> None:
        """Count one use. Does not wait, and raises nothing; when too many wait to be written, this one is dropped."""
        uses = self._waiting.setdefault(template_id, Counter())
        if rendering not in uses and sum(map(len, self._waiting.values())) >= _MOST_WAITING:
            log.warning("the database is too slow to count a use of template %s", template_id)
            return
        uses[rendering] += 1
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Write what waits, as far as that does not take long."""
        if self._writer is None:
            return
        try:
            await asyncio.wait_for(self._writer, _CLOSE_SECONDS)
        except TimeoutError:
            log.warning("some uses of templates were not counted: the database is too slow")

    async def _write(self) -> None:
        while self._waiting:
            template_id, uses = self._waiting.popitem()
            try:
                await self._store.record(template_id, uses)
            except GitexError as problem:
                log.warning("uses of template %s are not counted: %s", template_id, problem.message)
            except Exception:  # whatever it is, the other templates' uses are still to be written
                log.exception("uses of template %s are not counted", template_id)
