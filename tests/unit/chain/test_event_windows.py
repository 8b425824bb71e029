"""Looking for events through nodes that refuse wide ranges."""

import pytest

from chain.contract import Contract
from chain.event_windows import EventWindows
from chain.node import LogsRefused
from gitex.errors import Unavailable
from tests.fakes.read_node import Emitted, ReadNode

VAULT = "0x00000000000000000000000000000000000000Fe"
TOPICS = [Contract("FeeVault", VAULT).topic("FeeReceived")]


def _node(blocks: int, paid: dict[int, int], most_blocks: int | None = None) -> ReadNode:
    """Blocks 0 to `blocks`, with these payments."""
    node = ReadNode(most_blocks=most_blocks)
    for number in range(1, blocks + 1):
        values = {"payer": VAULT, "amount": paid.get(number, 0)}
        node.mine(*([Emitted("FeeVault", VAULT, "FeeReceived", values)] if number in paid else ()))
    return node


async def test_a_refused_window_is_halved_until_the_node_takes_it_and_that_is_remembered() -> None:
    node = _node(100, {3: 1, 90: 2}, most_blocks=10)
    windows = EventWindows(node, VAULT, span=64)
    window = await windows.ahead(TOPICS, 0, 100)
    assert (window.first, window.last, len(window.logs)) == (0, 7, 1)
    assert node.asked == ["logs"] * 4  # 64, 32, 16, 8
    assert (await windows.ahead(TOPICS, 8, 100)).last == 15
    assert node.asked == ["logs"] * 5


async def test_all_blocks_are_seen_once_whatever_the_node_takes() -> None:
    for most in (1, 3, 10, 1000):
        node = _node(60, {number: number for number in range(1, 61)}, most_blocks=most)
        windows = EventWindows(node, VAULT, span=16)
        at, seen = 5, []
        while at <= 60:
            window = await windows.ahead(TOPICS, at, 60)
            assert window.first == at
            seen += [log.block_number for log in window.logs]
            at = window.last + 1
        assert seen == list(range(5, 61))


async def test_windows_grow_again_after_a_node_was_only_busy() -> None:
    node = _node(100, {}, most_blocks=1)
    windows = EventWindows(node, VAULT, span=32)
    await windows.ahead(TOPICS, 0, 100)
    node.most_blocks = None
    widths = []
    for _ in range(40):
        window = await windows.ahead(TOPICS, 0, 100)
        widths.append(window.last + 1)
    assert widths == sorted(widths)
    assert widths[-1] == 32


@pytest.mark.parametrize("at", [1, 2, 37, 50, 99, 100])
@pytest.mark.parametrize("near", [-1000, 0, 37, 50, 100, 5000])
async def test_an_event_is_found_wherever_one_begins_to_look(at: int, near: int) -> None:
    node = _node(100, {at: 7}, most_blocks=10)
    logs = await EventWindows(node, VAULT, span=10).nearest(TOPICS, 1, 100, near)
    assert [log.block_number for log in logs] == [at]


async def test_looking_near_the_right_block_asks_hardly_anything() -> None:
    node = _node(1000, {600: 7}, most_blocks=10)
    await EventWindows(node, VAULT, span=10).nearest(TOPICS, 1, 1000, 605)
    assert len(node.asked) <= 2


async def test_nothing_is_found_where_nothing_is_and_every_block_is_looked_at_once() -> None:
    node = _node(100, {})
    assert await EventWindows(node, VAULT, span=10).nearest(TOPICS, 1, 100, 55) == ()
    assert len(node.asked) == 10 + 1  # the windows on both sides end at the edges


async def test_a_node_that_refuses_one_block_is_told_and_so_is_one_that_is_down() -> None:
    with pytest.raises(LogsRefused, match="max block range"):
        await EventWindows(_node(10, {}, most_blocks=0), VAULT, span=8).ahead(TOPICS, 0, 10)
    node = _node(10, {})
    node.down = Unavailable("the node is down")
    with pytest.raises(Unavailable, match="is down"):
        await EventWindows(node, VAULT, span=8).ahead(TOPICS, 0, 10)
    assert node.asked == ["logs"]  # smaller windows do not help
