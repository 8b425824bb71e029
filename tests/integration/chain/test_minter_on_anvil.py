"""The minter on a real chain: killed two hundred times, reorganised, and refused by a real contract."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from chain.addresses import Addresses
from chain.contract import Contract
from chain.node import Call
from chain.web3_node import Web3Node
from configs.catalog import REPOSITORY
from configs.chains import load_chain
from gitex.minting import Mint
from storage.database import open_database
from tests.fakes.minting_stage import RECIPIENT, Stage
from tests.integration.chain.anvil_process import QUICK_FINALITY, Anvil
from tests.integration.chain.deployed import deploy

KILLS, MINTS = 200, 100


@dataclass
class Site:
    """A chain of the test's own, and the address of its database."""

    anvil: Anvil
    addresses: Addresses
    database_url: str

    def rpc(self, method: str, *params: Any) -> Any:
        answer = httpx.post(
            self.anvil.url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, trust_env=False
        ).json()
        assert "error" not in answer, answer
        return answer["result"]

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    async def assert_minted(self, node: Web3Node, mints: Sequence[Mint]) -> None:
        """The chain's own count, the owners, and an empty pool."""
        nft = Contract("GitexNFT", self.addresses.nft)
        supply = await node.call(Call(nft.address, nft.encode("totalSupply")))
        assert nft.decode("totalSupply", supply) == (len(mints),)
        for mint in mints:
            owner = await node.call(Call(nft.address, nft.encode("ownerOf", mint.order.token_id)))
            assert nft.decode("ownerOf", owner) == (mint.order.recipient,)
        assert self.rpc("txpool_status") == {"pending": "0x0", "queued": "0x0"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Anvil(tmp_path, *QUICK_FINALITY) as anvil:
        deployed = deploy(anvil, load_chain("local"), tmp_path / "addresses")
        made = Site(anvil, deployed.addresses, f"sqlite+aiosqlite:///{tmp_path}/gitex.db")
        made.mine(3)
        yield made


@pytest.fixture
async def stage(site: Site) -> AsyncIterator[Stage]:
    engine, node = await open_database(site.database_url), Web3Node(site.anvil.url, load_chain("local"))
    yield Stage(engine, real_node=node, contract=site.addresses.nft, now=None)
    await node.close()
    await engine.dispose()


async def finish(stage: Stage, site: Site, mints: Sequence[Mint], blocks: int = 1) -> None:
    """Work until nothing is under way."""
    minter = stage.worker()
    for _ in range(200):
        await stage.make_due()
        while await minter.work_once():
            pass
        site.mine(blocks)
        if (await stage.states(mints))["final"] == len(mints):
            return
    raise AssertionError(f"they are not final: {await stage.states(mints)}")


@contextmanager
def repeated(action: Callable[[], None], every_s: float) -> Iterator[None]:
    """Do it again and again in a thread, for as long as the block lasts."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(every_s):
            action()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.timeout(400)
def test_killed_two_hundred_times_it_mints_a_hundred_tokens_and_no_more(site: Site) -> None:
    async def prepare() -> list[Mint]:
        engine = await open_database(site.database_url)
        mints = await Stage(engine, contract=site.addresses.nft).orders(MINTS)
        await engine.dispose()
        return mints

    mints = asyncio.run(prepare())
    site.rpc("evm_setAutomine", False)
    with repeated(site.mine, 0.1):
        kill_again_and_again(site)
    site.rpc("evm_setAutomine", True)

    async def rest() -> None:
        engine, node = await open_database(site.database_url), Web3Node(site.anvil.url, load_chain("local"))
        stage = Stage(engine, real_node=node, contract=site.addresses.nft, now=None)
        await stage.outbox.release(stage.sender, "one after the other")
        under_way = await stage.states(mints)
        await finish(stage, site, mints)
        assert not await stage.outbox.in_flight(stage.sender)
        await site.assert_minted(node, mints)
        await node.close()
        await engine.dispose()
        print(f"after the last kill: {dict(under_way)}")

    asyncio.run(rest())


def kill_again_and_again(site: Site) -> None:
    command = [sys.executable, "-m", "tests.integration.chain.minting_process"]
    arguments = [site.database_url, site.anvil.url, site.addresses.nft]
    chance = random.Random(1)
    with subprocess.Popen(
        [*command, *arguments], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for _ in range(KILLS):
            server.stdin.write("\n")
            child = int(server.stdout.readline())
            time.sleep(chance.uniform(0, 0.15))
            os.kill(child, signal.SIGKILL)
            assert server.stdout.readline() == "\n"
        server.stdin.close()


@pytest.mark.parametrize("depth", range(1, 9))
async def test_a_real_reorganisation_at_every_state_mints_each_once(tmp_path: Path, depth: int) -> None:
    # Eight slots an epoch: sixteen blocks until one is final, so that none of these takes out what is.
    with Anvil(tmp_path, "--slots-in-an-epoch", "8") as anvil:
        deployed = await asyncio.to_thread(deploy, anvil, load_chain("local"), tmp_path / "addresses")
        site = Site(anvil, deployed.addresses, f"sqlite+aiosqlite:///{tmp_path}/gitex.db")
        site.mine(40)
        engine, node = await open_database(site.database_url), Web3Node(anvil.url, load_chain("local"))
        stage = Stage(engine, real_node=node, contract=site.addresses.nft, now=None, batch=2)
        mints = await stage.orders(4)
        minter = stage.worker()
        site.rpc("evm_setAutomine", False)
        for _ in range(4):  # reserved, broadcast, mined, and whatever comes of it
            site.rpc("anvil_reorg", depth, [])
            await minter.work_once()
            site.mine()
        await stage.expire_lease()
        site.rpc("evm_setAutomine", True)
        await finish(stage, site, mints, blocks=6)
        await site.assert_minted(node, mints)
        await node.close()
        await engine.dispose()


async def test_a_recipient_contract_that_takes_no_tokens_fails_alone(stage: Stage, site: Site) -> None:
    bad = await stage.order(100, site.addresses.gtx)
    mints = await stage.orders(3)
    await finish(stage, site, mints)
    failed = await stage.mints.get(bad.id)
    assert failed.state == "failed"
    assert failed.reason
    assert stage.real_node is not None
    assert isinstance(stage.real_node, Web3Node)
    await site.assert_minted(stage.real_node, mints)


async def test_a_dropped_transaction_is_sent_again(stage: Stage, site: Site) -> None:
    mints = await stage.orders(2)
    site.rpc("evm_setAutomine", False)
    minter = stage.worker()
    await minter.work_once()
    sent = await stage.mints.get(mints[0].id)
    site.rpc("anvil_dropTransaction", sent.transaction)
    site.rpc("evm_setAutomine", True)
    await stage.expire_lease()
    await finish(stage, site, mints)
    assert isinstance(stage.real_node, Web3Node)
    await site.assert_minted(stage.real_node, mints)


async def test_two_minters_at_once_on_a_real_chain(stage: Stage, site: Site) -> None:
    mints = await stage.orders(12)
    stage.batch = 2
    workers = [stage.worker() for _ in range(3)]
    for _ in range(12):
        await asyncio.gather(*(worker.work_once() for worker in workers))
        site.mine()
    assert await stage.states(mints) == {"final": 12}
    assert isinstance(stage.real_node, Web3Node)
    await site.assert_minted(stage.real_node, mints)
    assert mints[0].order.recipient == RECIPIENT
