"""Minting in one process: it starts whatever is wrong, says what, and goes on when that is mended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chain.addresses import Addresses, save_addresses
from chain.dev_keys import dev_keys
from chain.site import ChainSite
from configs.chains import load_chain
from configs.settings import Settings
from deployments.minting_work import MintingWork
from gitex.errors import Unavailable
from gitex.minting import MintJob, MintOrder
from storage.state import State, open_state
from tests.fakes.ports import free_port
from tests.fakes.rpc_server import SECRET, result, rpc_server
from tests.fakes.stores import MemoryRecorder

NFT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
MINTER = dev_keys(load_chain("local")).addresses[0]
NODE = {
    "eth_getBlockByNumber": {
        "number": "0x7",
        "hash": "0x" + "ab" * 32,
        "timestamp": "0x674317c0",
        "baseFeePerGas": "0x7",
    },
    "eth_getTransactionCount": "0x0",
    "eth_maxPriorityFeePerGas": "0x1",
    "eth_getLogs": [],
    "eth_call": "0x" + "0" * 64,
}
"""What a node says of a chain where nothing happens."""


def _contracts(settings: Settings, chain_id: int = 31337) -> None:
    parts = ("deployer", "minter", "timelock", "governor", "gtx", "vault", "system_deployer")
    implementations: dict[str, str] = {}
    addresses: dict[str, Any] = {**dict.fromkeys(parts, MINTER), "nft": NFT, "implementations": implementations}
    deployed = Addresses(chain_id=chain_id, deployed_at_block=1, transactions={}, **addresses)
    save_addresses(settings.chain_addresses, deployed)


def _job() -> MintJob:
    order = MintOrder("ast_1", "ab" * 32, MINTER, MINTER, 0, 31337, NFT)
    return MintJob("", order, 0x55, b"\1" * 32, b"\2" * 32, b"[]", alone=True)


async def _until(said: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await said():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _working(folder: Path, **settings: Any) -> AsyncIterator[tuple[MintingWork, Settings]]:
    found = Settings(data_dir=folder, **settings)
    state: State = await open_state(found, MemoryRecorder())
    site = ChainSite(found)
    work = MintingWork(found, site, state, MemoryRecorder(), broken_s=0.02)
    try:
        yield work, found
    finally:
        await work.close()
        await site.close()
        await state.close()


async def test_it_starts_before_the_contracts_are_deployed_and_goes_on_when_they_are(tmp_path: Path) -> None:
    async with rpc_server() as node:
        node.says |= {method: result(value) for method, value in NODE.items()}
        async with _working(tmp_path, chain_rpc_url=node.url) as (work, settings):

            async def says_how_to_deploy() -> bool:
                return "gitex chain deploy" in await work.degraded()

            await _until(says_how_to_deploy)
            with pytest.raises(Unavailable, match="gitex chain deploy"):
                await work.sign_voucher(_job(), 0, datetime.now(UTC))
            assert node.asked == []

            _contracts(settings)

            async def is_well() -> bool:
                return await work.degraded() == ""

            await _until(is_well)
            voucher = await work.sign_voucher(_job(), 5, datetime.now(UTC) + timedelta(hours=1))
            assert (voucher.signer, voucher.price) == (MINTER, 5)

            async def both_loops_look() -> bool:
                return {method for method, _ in node.asked} >= {"eth_getTransactionCount", "eth_getLogs"}

            await _until(both_loops_look)
            work.check()


async def test_a_node_that_is_down_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    async with _working(tmp_path, chain_rpc_url=f"http://127.0.0.1:{port}/{SECRET}") as (work, settings):
        _contracts(settings)

        async def says_the_node_is_down() -> bool:
            return f"127.0.0.1:{port}" in await work.degraded()

        await _until(says_the_node_is_down)
        assert SECRET not in await work.degraded()
        work.check()
        voucher = await work.sign_voucher(_job(), 0, datetime.now(UTC) + timedelta(hours=1))  # needs no node
        assert voucher.signer == MINTER


async def test_another_chain_than_the_nodes_is_told(tmp_path: Path) -> None:
    async with rpc_server() as node:
        node.says["eth_chainId"] = result("0x1")
        async with _working(tmp_path, chain_rpc_url=node.url) as (work, settings):
            _contracts(settings)

            async def says_so() -> bool:
                return "31337" in await work.degraded()

            await _until(says_so)
            work.check()
        assert node.asked == []


async def test_a_node_that_hides_deposits_is_told_and_ends_no_worker(tmp_path: Path) -> None:
    async with rpc_server() as node:
        said = {**NODE, "eth_call": f"0x{5:064x}"}  # the vault counts five deposits, and there are no events of any
        node.says |= {method: result(value) for method, value in said.items()}
        async with _working(tmp_path, chain_rpc_url=node.url) as (work, settings):
            _contracts(settings)

            async def says_so() -> bool:
                return "5 deposits" in await work.degraded()

            await _until(says_so)
            work.check()


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"chain": "sepolia"}, "GITEX_CHAIN_RPC_URL"),
        ({"chain": "sepolia", "chain_rpc_url": "http://127.0.0.1:9"}, "GITEX_CHAIN_KEYSTORES"),
        (
            {"chain_keystores": ("/absent/key.json",), "chain_keystore_password": "s3cr3t"},
            "GITEX_CHAIN_KEYSTORES: /absent/key.json",
        ),
        ({"chain_signer_url": f"http://127.0.0.1:9/{SECRET}"}, "signer at http://127.0.0.1:9"),
    ],
)
async def test_what_is_not_set_up_is_told_by_its_setting(
    tmp_path: Path, settings: dict[str, Any], setting: str
) -> None:
    async with _working(tmp_path, **settings) as (work, found):
        _contracts(found, 11155111 if found.chain == "sepolia" else 31337)

        async def says_so() -> bool:
            return setting in await work.degraded()

        await _until(says_so)
        assert SECRET not in await work.degraded()
        work.check()
        work.wake()


async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with rpc_server() as node:
        node.says |= {method: result(value) for method, value in NODE.items()}
        async with _working(tmp_path, chain_rpc_url=node.url) as (work, settings):
            _contracts(settings)

            async def has_looked() -> bool:
                return any(method == "eth_getTransactionCount" for method, _ in node.asked)

            await _until(has_looked)
            assert await work.degraded() == ""
    assert asyncio.all_tasks() == before
