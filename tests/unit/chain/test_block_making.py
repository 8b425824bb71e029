"""When the embedded chain makes blocks, and what of it is on the disk by then."""

import gzip
import json
from pathlib import Path

import pytest

from chain.anvil import Tip
from chain.block_making import FINALITY, BlockMaker
from chain.saved_state import SavedState

DAY = 86_400


class SmallChain:
    """Blocks as lists of transactions; `now` is the wall clock. Never loses what is in `saved`."""

    def __init__(self, folder: Path) -> None:
        self.saved = SavedState(folder)
        self.now = 1_000_000.0
        self.blocks: list[tuple[str, int, int]] = [("genesis", int(self.now), 0)]
        self.pool = 0
        self.fits = True
        self.fork = ""
        self.worst = 0
        """By how many blocks finality was ever ahead of the disk."""

    def tip(self) -> Tip:
        name, timestamp, transactions = self.blocks[-1]
        return Tip(len(self.blocks) - 1, name, timestamp, transactions, self.pool)

    def hash(self, number: int) -> str:
        return self.blocks[number][0] if number < len(self.blocks) else ""

    def mine(self) -> None:
        transactions, self.pool = (self.pool, 0) if self.fits else (0, self.pool)
        self.blocks.append((f"{self.fork}{len(self.blocks)}", int(self.now), transactions))
        self.worst = max(self.worst, len(self.blocks) - 1 - FINALITY - self.saved_number())

    def dump(self) -> bytes:
        return gzip.compress(json.dumps(self.blocks).encode())

    def saved_number(self) -> int:
        for file in self.saved.files():
            return len(json.loads(self.saved.unpacked(file))) - 1
        return 0

    def maker(self) -> BlockMaker:
        return BlockMaker(self, self.saved, lambda: self.now)

    def run(self, maker: BlockMaker, seconds: float, look: float = 0.1) -> None:
        until = self.now + seconds
        while self.now < until:
            if not maker.step():
                self.now += look


@pytest.fixture
def chain(tmp_path: Path) -> SmallChain:
    return SmallChain(tmp_path)


def test_a_transaction_is_final_without_delay_and_only_when_it_is_saved(chain: SmallChain) -> None:
    maker = chain.maker()
    chain.run(maker, 5)
    for _ in range(7):  # each begins at another distance from what is saved
        chain.pool = 3
        before = chain.now
        while not maker.settled:
            assert maker.step()
        assert chain.now == before
        block = max(number for number, (_, _, transactions) in enumerate(chain.blocks) if transactions)
        assert len(chain.blocks) - 1 >= block + FINALITY
        assert chain.saved_number() >= block
        chain.run(maker, 1.3)
    assert chain.worst == 0


def test_under_load_what_is_final_is_saved_all_the_time(chain: SmallChain) -> None:
    maker = chain.maker()
    for _ in range(50):
        chain.pool = 1
        maker.step()
    assert [transactions for _, _, transactions in chain.blocks[1:]] == [1] * 50
    assert chain.worst == 0


def test_a_chain_that_nobody_uses_hardly_grows_but_its_clock_goes_on(chain: SmallChain) -> None:
    maker = chain.maker()
    chain.pool = 1
    chain.run(maker, DAY, look=0.5)
    first_day = len(chain.blocks)
    assert first_day < 80
    lag = chain.now - chain.blocks[-1 - FINALITY][1]
    assert lag < 0.6 * DAY
    chain.run(maker, DAY, look=5)
    assert len(chain.blocks) - first_day < 10


def test_a_minute_after_a_transaction_the_final_block_shows_most_of_it(chain: SmallChain) -> None:
    maker = chain.maker()
    chain.pool = 1
    chain.run(maker, 1)
    since = chain.now
    chain.run(maker, 120)
    assert chain.blocks[-1 - FINALITY][1] - since > 60


def test_what_does_not_fit_into_a_block_is_tried_less_and_less_often(chain: SmallChain) -> None:
    maker = chain.maker()
    chain.pool, chain.fits = 1, False
    chain.run(maker, 3600)
    assert 60 < len(chain.blocks) < 150
    chain.fits = True
    chain.run(maker, 61)
    assert chain.pool == 0
    assert maker.settled


def test_a_chain_that_somebody_turned_back_is_saved_before_it_goes_on(chain: SmallChain) -> None:
    maker = chain.maker()
    for _ in range(5):
        chain.pool = 1
        chain.run(maker, 1)
    del chain.blocks[4:]
    chain.fork = "fork-"
    chain.pool = 1
    chain.run(maker, 0.1)
    kept = json.loads(chain.saved.unpacked(next(iter(chain.saved.files()))))
    assert ["fork-4", 1] in [[name, transactions] for name, _, transactions in kept]


def test_the_end_is_saved_once(chain: SmallChain) -> None:
    maker = chain.maker()
    chain.pool = 1
    chain.run(maker, 1)
    maker.save()
    assert chain.saved_number() == len(chain.blocks) - 1
    written = next(iter(chain.saved.files())).stat()
    maker.save()
    assert next(iter(chain.saved.files())).stat() == written


def test_a_chain_that_goes_on_after_a_start_makes_its_newest_block_final(chain: SmallChain) -> None:
    chain.blocks.append(("1", int(chain.now), 1))
    maker = chain.maker()
    assert not maker.settled
    chain.run(maker, 0.1)
    assert len(chain.blocks) - 1 == 1 + FINALITY
    assert maker.settled
