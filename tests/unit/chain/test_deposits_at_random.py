"""Whatever happens to blocks that are not final: every deposit is booked once."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gitex.errors import Unavailable
from tests.fakes.vault_chain import Paid
from tests.unit.chain.booking import Booking

PAID = st.builds(Paid, account=st.integers(1, 3), credits=st.integers(1, 1000))
BLOCK = st.lists(PAID, max_size=2)
STEP = st.one_of(
    st.tuples(st.just("mine"), st.lists(BLOCK, min_size=1, max_size=3)),
    st.tuples(st.just("reorganise"), st.tuples(st.integers(1, 3), st.lists(BLOCK, min_size=1, max_size=4))),
    st.tuples(st.just("work"), st.integers(1, 2)),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("narrow"), st.one_of(st.none(), st.integers(1, 5))),
)


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEP, max_size=25), moments=st.lists(st.booleans(), max_size=40), data=st.data())
def test_every_deposit_is_booked_once_whatever_happens_to_blocks_that_are_not_final(
    steps: list[tuple[str, Any]], moments: list[bool], data: st.DataObject
) -> None:
    depth = 3
    booking = Booking(depth)
    chain, node = booking.chain, booking.chain.node
    indexers = [booking.another(), booking.another()]
    pending = iter(moments)

    def reorganise(length: int, blocks: list[list[Paid]]) -> None:
        length = min(length, depth, len(node.blocks) - 1)
        # A chain never becomes shorter by a reorganisation.
        chain.reorganise(length, [*blocks, *([[]] * (length - len(blocks)))])

    def meanwhile(method: str) -> None:
        if next(pending, False):
            reorganise(data.draw(st.integers(1, depth)), data.draw(st.lists(BLOCK, min_size=1, max_size=4)))

    async def work(count: int) -> None:
        node.before = meanwhile
        done = await asyncio.gather(*(each.work_once() for each in indexers[:count]), return_exceptions=True)
        node.before = lambda method: None
        # Never a Conflict: no final block was replaced and no event left out.
        assert [each for each in done if not isinstance(each, bool | Unavailable)] == []

    async def run() -> None:
        for kind, what in steps:
            match kind:
                case "mine":
                    for block in what:
                        chain.mine(*block)
                case "reorganise":
                    reorganise(*what)
                case "work":
                    await work(what)
                case "restart":
                    indexers[:] = [booking.another(), booking.another()]
                case "narrow":
                    node.most_blocks = what
            final = chain.deposits()
            assert booking.booked == final[: len(booking.booked)]
        chain.finish()
        for indexer in indexers:
            await booking.catch_up(indexer)
        assert booking.booked == chain.deposits(final=False)
        assert booking.counted == len(booking.booked)

    asyncio.run(run())
