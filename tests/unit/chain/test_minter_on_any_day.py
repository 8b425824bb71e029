"""Whatever happens to a minter, in whatever order: in the end each mint is one token, and no nonce is open."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitex.errors import Unavailable
from storage.database import open_database
from tests.fakes.faults import Fuse, Killed
from tests.fakes.minting_stage import OTHER, Stage
from tests.fakes.strict_node import StrictNode

FINAL_DEPTH = 5
Kind = Literal[
    "order", "pass", "kill", "mine", "reorganise", "forget", "lie", "down", "full", "dear", "refusing", "late"
]
_COMMON: list[Kind] = ["pass", "pass", "kill", "mine"]


@dataclass(frozen=True)
class Event:
    """Something that happens to the minter or to its chain."""

    kind: Kind
    number: int


EVENTS = st.builds(Event, st.sampled_from([*_COMMON, *get_args(Kind)]), st.integers(0, 40))


async def happen(stage: Stage, event: Event) -> None:
    node = stage.node
    match event.kind:
        case "order":
            with suppress(Exception):
                await stage.order(event.number)
        case "pass" | "kill":
            fuse = Fuse(event.number if event.kind == "kill" else None, "before" if event.number % 2 else "after")
            with suppress(Killed, Unavailable):
                await stage.worker(fuse).work_once()
            await stage.expire_lease()
        case "mine":
            node.mine(1 + event.number % 3)
        case "reorganise":
            # Never what is final: no chain promises more than that.
            node.reorganise(1 + event.number % FINAL_DEPTH)
        case "forget":
            node.forget()
        case "lie":
            node.nonce_lie = event.number % 7 - 3
        case "down":
            node.down = event.number % 2 == 0
        case "full":
            node.refuses_all = event.number % 2 == 0
        case "dear":
            node.base_fee = 1_000 * (1 + event.number % 5)
        case "refusing":
            node.refusing = {OTHER} if event.number % 2 else set()
        case "late":
            assert stage.now is not None
            stage.now += timedelta(seconds=event.number)
    await stage.make_due()


async def end_well(stage: Stage) -> None:
    """Everything is right again; then there is time enough."""
    node = stage.node
    node.down = node.refuses_all = False
    node.nonce_lie, node.base_fee, node.refusing = 0, 1_000, set()
    minter = stage.worker()
    for _ in range(60):
        assert stage.now is not None
        stage.now += timedelta(seconds=30)
        await stage.work(minter, 1)
        if not await stage.outbox.in_flight(stage.sender) and not await stage.outbox.take(
            stage.sender, f"worker-{stage.workers}", stage.contract, 1
        ):
            return


async def live_through(database: Path, events: Sequence[Event]) -> None:
    engine = await open_database(f"sqlite+aiosqlite:///{database}")
    try:
        await end_as_it_should(Stage(engine, node=StrictNode(final_depth=FINAL_DEPTH), batch=2), events)
    finally:
        await engine.dispose()


async def end_as_it_should(stage: Stage, events: Sequence[Event]) -> None:
    mints = [*(await stage.orders(3)), await stage.order(100, OTHER)]
    for event in events:
        await happen(stage, event)
    await end_well(stage)
    mints = [await stage.mints.get(mint.id) for mint in mints]
    done = [mint for mint in mints if mint.state == "final"]
    # Only the one with the recipient that may refuse may fail.
    assert all(mint.state == "final" or (mint.order.recipient == OTHER and mint.state == "failed") for mint in mints)
    tokens = {mint.order.token_id: mint.order.recipient for mint in done}
    assert tokens.items() <= stage.node.tokens.items()
    assert len(stage.node.tokens) == sum(len(mined.tokens) for block in stage.node.blocks for mined in block.mined)
    assert not await stage.outbox.in_flight(stage.sender)
    assert not stage.node.pool


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENTS, max_size=20))
def test_each_mint_is_one_token_in_the_end(events: list[Event]) -> None:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        empty = Path(folder, "empty.db")
        if not _EMPTY:
            asyncio.run(_make(empty))
            _EMPTY.append(empty.read_bytes())
        database = Path(folder, "gitex.db")
        database.write_bytes(_EMPTY[0])
        asyncio.run(live_through(database, events))


_EMPTY: list[bytes] = []
"""A database with its tables, made once."""


async def _make(path: Path) -> None:
    await (await open_database(f"sqlite+aiosqlite:///{path}")).dispose()
