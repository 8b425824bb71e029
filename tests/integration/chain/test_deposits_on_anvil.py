"""Deposits of the real vault, booked in the real ledger, each once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from chain.deposits import DepositIndexer
from chain.reading import read
from gitex.errors import Unavailable
from gitex.metrics import DEPOSITS
from storage.credits import SqlCreditLedger
from storage.database import open_database
from tests.fakes.stores import MemoryRecorder
from tests.fakes.vault_chain import account
from tests.integration.chain.wallets import Street

GTX = 10**18
CREDIT_WEI, CREDIT_GTX = 10**13, 10**16
"""What one costs on the local chain."""


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await open_database(sqlite_url)
    yield engine
    await engine.dispose()


class _Bank:
    """A ledger of one test's own: it books all deposits that the chain has had."""

    def __init__(self, town: Street, database: AsyncEngine) -> None:
        self.town = town
        self.ledger = SqlCreditLedger(database)
        self.recorder = MemoryRecorder()

    def indexer(self) -> DepositIndexer:
        deployed = self.town.deployed
        addresses, chain_id = deployed.addresses, deployed.chain.chain_id
        node, first = self.town.node, addresses.deployed_at_block
        return DepositIndexer(node, self.ledger, chain_id, addresses.vault, first, recorder=self.recorder)

    async def catch_up(self, indexer: DepositIndexer) -> None:
        while await indexer.work_once():
            pass

    async def booked(self) -> int:
        """How many deposits the ledger has."""
        cursor = await self.ledger.cursor(self.town.deployed.chain.chain_id, self.town.deployed.addresses.vault)
        return cursor.next_deposit - 1

    async def deposits(self) -> int:
        """How many the chain has at its newest block."""
        count: int = await read(self.town.node, self.town.vault, "depositCount")
        return count


@pytest.fixture
def bank(town: Street, database: AsyncEngine) -> _Bank:
    return _Bank(town, database)


def _reference(number: int) -> bytes:
    return bytes.fromhex(account(number)[2:])


async def _pay(town: Street, number: int, credits_: int, *, wallet: int = 1) -> None:
    await town.wallet(wallet).call(town.vault, "depositNative", _reference(number), value=credits_ * CREDIT_WEI)


async def test_coins_and_gtx_buy_credits_when_their_block_stays(town: Street, bank: _Bank) -> None:
    payer = town.wallet(1)
    await town.wallet(0).call(town.gtx, "transfer", payer.address, 50 * GTX)
    await payer.call(town.gtx, "approve", town.vault.address, 50 * GTX)
    await payer.call(town.vault, "deposit", _reference(0x101), 7 * CREDIT_GTX)
    await _pay(town, 0x101, 11)
    await _pay(town, 0x102, 13)
    indexer = bank.indexer()
    await bank.catch_up(indexer)
    assert await bank.ledger.balance(account(0x102)) == 0  # not final yet
    await town.finish()
    await bank.catch_up(indexer)
    assert await bank.ledger.balance(account(0x101)) == 18
    assert await bank.ledger.balance(account(0x102)) == 13
    newest, older = await bank.ledger.entries(account(0x101))
    assert (newest.credits, older.credits) == (11, 7)
    included = await town.node.inclusion(newest.transaction)
    assert included is not None
    vault = f"vault:{town.deployed.chain.chain_id}:{town.vault.address}"
    assert await bank.ledger.balance(vault) == -sum(
        [await bank.ledger.balance(account(number)) for number in (0x101, 0x102)]
    )
    counted = bank.recorder.counted(DEPOSITS.name, chain=str(town.deployed.chain.chain_id))
    assert counted == await bank.booked() == await bank.deposits()
    assert not await indexer.work_once()


async def test_a_tiers_discount_is_in_the_credits(town: Street, bank: _Bank) -> None:
    payer, terms = town.wallet(4), town.deployed.chain.deployment
    await town.wallet(0).call(town.gtx, "transfer", payer.address, 10_000 * GTX)
    await payer.call(town.gtx, "stake", 10_000 * GTX)
    await town.pass_time(terms.activation_delay + 1)
    await _pay(town, 0x200, 90, wallet=4)
    await town.finish()
    await bank.catch_up(bank.indexer())
    assert await bank.ledger.balance(account(0x200)) == 100  # 10 % off


async def test_a_deposit_that_a_reorganisation_takes_back_is_not_credited(town: Street, bank: _Bank) -> None:
    indexer = bank.indexer()
    await town.finish()
    await bank.catch_up(indexer)
    await _pay(town, 0x301, 5)
    await bank.catch_up(indexer)
    await town.rpc("anvil_reorg", 1, [])
    await _pay(town, 0x302, 6)  # under the number that the other one had
    await town.finish()
    await bank.catch_up(indexer)
    assert await bank.ledger.balance(account(0x301)) == 0
    assert await bank.ledger.balance(account(0x302)) == 6
    assert await bank.booked() == await bank.deposits()


async def test_reorganisations_while_it_works_neither_lose_nor_double_anything(town: Street, bank: _Bank) -> None:
    indexer = bank.indexer()
    await town.finish()
    await bank.catch_up(indexer)
    paid = 0
    for round_ in range(12):
        await _pay(town, 0x400 + round_, 1)
        if round_ % 3 == 1:
            await town.rpc("anvil_reorg", 1 + round_ % 2, [])  # one or two of the blocks that are not final
        working = asyncio.create_task(indexer.work_once())
        await _pay(town, 0x4FF, 1, wallet=2)
        paid += 1
        try:
            await working
        except Unavailable:
            indexer = bank.indexer()  # as after a restart
    await town.finish()
    await bank.catch_up(indexer)
    vault = f"vault:{town.deployed.chain.chain_id}:{town.vault.address}"
    assert await bank.booked() == await bank.deposits()
    assert 0 < await bank.ledger.balance(account(0x4FF)) <= paid
    quoted = [entry.credits for entry in await bank.ledger.entries(vault, 10_000)]
    assert len(quoted) == await bank.deposits()


async def test_several_at_once_and_restarts_book_each_deposit_once(town: Street, bank: _Bank) -> None:
    for number in range(20):
        await _pay(town, 0x500 + number % 3, number + 1)
    await town.finish()
    indexers = [bank.indexer() for _ in range(4)]
    await asyncio.gather(*(bank.catch_up(indexer) for indexer in indexers))
    await bank.catch_up(bank.indexer())
    assert await bank.booked() == await bank.deposits()
    assert sum([await bank.ledger.balance(account(0x500 + number)) for number in range(3)]) == 210
    counted = bank.recorder.counted(DEPOSITS.name, chain=str(town.deployed.chain.chain_id))
    assert counted == await bank.deposits()
