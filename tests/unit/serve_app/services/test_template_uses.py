"""Counting uses beside the requests."""

import asyncio
from collections.abc import Mapping

from gitex.templates import Rendering
from serve_app.services.template_uses import TemplateUses
from tests.fakes.templates import MemoryTemplates


class SlowTemplates(MemoryTemplates):
    """Writes once the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.writes = asyncio.Event(), 0

    async def record(self, template_id: str, uses: Mapping[Rendering, int]) -> None:
        self.writes += 1
        await self.gate.wait()
        await super().record(template_id, uses)


def rendering(number: int) -> Rendering:
    return Rendering.of({"count": number}, {})


async def test_uses_that_come_while_one_is_written_are_written_together() -> None:
    store = SlowTemplates()
    uses = TemplateUses(store)
    uses.note("tpl_1", rendering(1))
    await asyncio.sleep(0)
    for number in (1, 2, 2):
        uses.note("tpl_1", rendering(number))
    store.gate.set()
    await uses.close()
    assert (store.writes, store.uses["tpl_1"]) == (2, {rendering(1): 2, rendering(2): 2})


async def test_a_slow_database_costs_bounded_memory_and_known_renderings_still_count() -> None:
    store = SlowTemplates()
    uses = TemplateUses(store)
    uses.note("tpl_0", rendering(0))
    await asyncio.sleep(0)
    for number in range(5_000):
        uses.note("tpl_1", rendering(number))
        uses.note("tpl_1", rendering(1))
    store.gate.set()
    await uses.close()
    assert len(store.uses["tpl_1"]) == 1_000
    assert store.uses["tpl_1"][rendering(1)] == 5_001


async def test_closing_without_a_use_is_nothing() -> None:
    await TemplateUses(MemoryTemplates()).close()


async def test_something_nobody_foresaw_loses_only_its_own_template() -> None:
    class Broken(MemoryTemplates):
        async def record(self, template_id: str, uses: Mapping[Rendering, int]) -> None:
            if template_id == "tpl_bad":
                raise ZeroDivisionError
            await super().record(template_id, uses)

    store = Broken()
    uses = TemplateUses(store)
    uses.note("tpl_good", rendering(1))
    uses.note("tpl_bad", rendering(1))
    await uses.close()
    assert store.uses == {"tpl_good": {rendering(1): 1}}
