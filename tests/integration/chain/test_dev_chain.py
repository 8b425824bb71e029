"""The embedded chain on its bad days: killed, damaged, in somebody's way."""

import asyncio
import gzip
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from chain.addresses import Addresses, load_addresses
from chain.contract import Contract
from chain.dev_chain import DevChain
from chain.dev_keys import dev_keys
from chain.saved_state import SavedState
from configs.catalog import REPOSITORY
from configs.chains import load_chain
from gitex.errors import SettingsError
from tests.fakes.ports import free_port
from tests.integration.chain.anvil_process import install
from tests.integration.chain.deployed import deployment_on

CHAIN = load_chain("local")
KEYS = dev_keys(CHAIN, 2)
OWNER = KEYS.addresses[1]
SOON = 20.0


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chain"


@contextmanager
def running(folder: Path, port: int) -> Iterator[DevChain]:
    with DevChain(install(), folder, port, answer_s=2, longest_pause_s=0.2).running() as chain:
        yield chain


def test_a_restart_keeps_addresses_tokens_receipts_and_events(folder: Path, port: int) -> None:
    with running(folder, port) as chain:
        addresses = deploy(chain, folder)
        receipt = final(chain, mint(chain, addresses, "one"))
        head = ask(chain, "eth_getBlockByNumber", "latest", False)
    with running(folder, port) as chain:
        assert ask(chain, "eth_getBlockByNumber", head["number"], False) == head
        assert deploy(chain, folder) == addresses
        assert owner(chain, addresses, "one") == OWNER
        assert ask(chain, "eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
        assert ask(chain, "eth_getTransactionByHash", receipt["transactionHash"])["blockHash"] == receipt["blockHash"]
        wanted = {"address": addresses.nft, "fromBlock": "0x0", "toBlock": "latest"}
        assert [log for log in ask(chain, "eth_getLogs", wanted) if log in receipt["logs"]] == receipt["logs"]
        final(chain, mint(chain, addresses, "two"))


def test_what_is_final_survives_every_kill_of_anvil(folder: Path, port: int) -> None:
    pick = random.Random(6)
    minted: list[str] = []
    with running(folder, port) as chain:
        addresses = deploy(chain, folder)
        for round_ in range(8):
            name = str(round_)
            receipt = final(chain, mint(chain, addresses, name))
            minted.append(name)
            mint(chain, addresses, f"not awaited {round_}")
            time.sleep(pick.uniform(0, 0.15))
            restarted(chain)
            assert ask(chain, "eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
            assert [owner(chain, addresses, each) for each in minted] == [OWNER] * len(minted)


def test_a_chain_that_hangs_is_replaced(folder: Path, port: int) -> None:
    with running(folder, port) as chain:
        receipt = final(chain, send(chain))
        paused = chain.process_id
        assert paused is not None
        os.kill(paused, signal.SIGSTOP)
        until(lambda: chain.process_id not in (None, paused) and answers(chain))
        assert ask(chain, "eth_getTransactionReceipt", receipt["transactionHash"]) == receipt


def test_a_kill_of_the_parent_takes_anvil_along_and_loses_nothing_final(folder: Path, port: int) -> None:
    command = [sys.executable, "-m", "tests.integration.chain.dev_chain_process", str(folder), str(port)]
    chain = DevChain(install(), folder, port)  # only to ask it
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        anvil = int(parent.stdout.readline())
        assert psutil.pid_exists(anvil)
        receipt = final(chain, send(chain))
        parent.kill()
    until(lambda: not psutil.pid_exists(anvil) or psutil.Process(anvil).status() == psutil.STATUS_ZOMBIE)
    with running(folder, port) as chain:
        assert ask(chain, "eth_getTransactionReceipt", receipt["transactionHash"]) == receipt


def test_an_end_in_order_leaves_no_process_and_no_port(folder: Path, port: int) -> None:
    with running(folder, port) as chain:
        anvil = chain.process_id
        assert anvil is not None
    assert not psutil.pid_exists(anvil)
    with closing(socket.socket()) as caller:
        assert caller.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("damage", [b"", b"\x1f\x8b half of it", gzip.compress(b'{"best_block_number": "0x5"}')])
def test_a_damaged_state_is_put_aside_for_the_one_before_it(
    folder: Path, port: int, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with running(folder, port) as chain:
        receipt = final(chain, send(chain))
    newest, _ = SavedState(folder).files()
    newest.write_bytes(damage)
    with running(folder, port) as chain:
        assert ask(chain, "eth_getTransactionReceipt", receipt["transactionHash"]) == receipt
        final(chain, send(chain))
    assert "goes back to an older state" in caplog.text
    assert len(list(folder.glob("unusable-*-state.json.gz"))) == 1


def test_a_chain_without_any_usable_state_begins_anew_and_says_so(
    folder: Path, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with running(folder, port) as chain:
        final(chain, send(chain))
    for file in list(SavedState(folder).files()):
        file.write_bytes(b"nothing")
    with running(folder, port) as chain:
        final(chain, send(chain))
    assert "begins anew" in caplog.text
    assert len(list(folder.glob("unusable-*"))) == 2


def test_on_a_full_disk_nothing_becomes_final_and_it_goes_on_when_there_is_room(
    folder: Path, port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("chain.dev_chain.FULL_SECONDS", 0.1)

    def save(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with running(folder, port) as chain:
        final(chain, send(chain))
        anvil = chain.process_id
        monkeypatch.setattr(SavedState, "save", save)
        last = ask(chain, "eth_getBlockByNumber", "finalized", False)["number"]
        until(lambda: "makes no blocks" in caplog.text)  # two empty ones may still be made
        waiting = send(chain)
        time.sleep(0.5)
        assert int(ask(chain, "eth_getBlockByNumber", "finalized", False)["number"], 16) <= int(last, 16) + 1
        assert ask(chain, "eth_getTransactionReceipt", waiting) is None
        monkeypatch.undo()
        final(chain, waiting)
        assert chain.process_id == anvil


def test_a_port_that_is_taken_is_said_at_the_start_by_its_setting(folder: Path, port: int) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(SettingsError, match="GITEX_CHAIN_PORT") as refusal, running(folder, port):
            pass
    assert refusal.value.param == "GITEX_CHAIN_PORT"
    with running(folder, port) as chain:
        assert answers(chain)


def test_two_processes_do_not_write_one_chain(folder: Path, port: int) -> None:
    with running(folder, port), pytest.raises(SettingsError, match="GITEX_DATA_DIR"), running(folder, free_port()):
        pass


def test_a_transaction_is_final_in_half_a_second_and_an_idle_chain_keeps_the_time(folder: Path, port: int) -> None:
    with running(folder, port) as chain:
        seconds = []
        for _ in range(5):
            began = time.monotonic()
            final(chain, send(chain))
            seconds.append(time.monotonic() - began)
        assert min(seconds) < 0.5, seconds
        time.sleep(3)
        for tag in ("latest", "finalized"):
            block = ask(chain, "eth_getBlockByNumber", tag, False)
            assert abs(int(block["timestamp"], 16) - time.time()) < 5


def deploy(chain: DevChain, folder: Path) -> Addresses:
    async def run() -> Addresses:
        async with deployment_on(chain.url, CHAIN, folder / "addresses", KEYS) as deployment:
            return await deployment.deploy(KEYS.addresses[0])

    asyncio.run(run())
    return load_addresses(folder / "addresses", CHAIN.chain_id)


def mint(chain: DevChain, addresses: Addresses, name: str) -> str:
    """Have a token minted; the transaction's hash."""
    digest = hashlib.sha256(name.encode()).digest()
    request = (OWNER, OWNER, digest, digest, digest, 0x55, 0, b'["a star"]')
    return send(chain, addresses.nft, Contract("GitexNFT", addresses.nft).encode("mint", request))


def owner(chain: DevChain, addresses: Addresses, name: str) -> str:
    nft, token = Contract("GitexNFT", addresses.nft), int.from_bytes(hashlib.sha256(name.encode()).digest())
    call = {"to": addresses.nft, "data": f"0x{nft.encode('ownerOf', token).hex()}"}
    (found,) = nft.decode("ownerOf", bytes.fromhex(ask(chain, "eth_call", call, "latest")[2:]))
    return str(found)


def send(chain: DevChain, to: str = OWNER, data: bytes = b"") -> str:
    """From the first account, which anvil signs for; the transaction's hash."""
    call = {"from": KEYS.addresses[0], "to": to, "data": f"0x{data.hex()}", "gas": hex(500_000)}
    return str(ask(chain, "eth_sendTransaction", call))


def final(chain: DevChain, transaction_hash: str) -> dict[str, str]:
    """Wait until it is final; its receipt."""

    def receipt() -> dict[str, str] | None:
        found = ask(chain, "eth_getTransactionReceipt", transaction_hash)
        last = int(ask(chain, "eth_getBlockByNumber", "finalized", False)["number"], 16)
        return found if found is not None and int(found["blockNumber"], 16) <= last else None

    found = until(receipt)
    assert found["status"] == "0x1"
    return found


def restarted(chain: DevChain) -> None:
    """Kill anvil and wait for the next one."""
    killed = chain.process_id
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: chain.process_id not in (None, killed) and answers(chain))


def answers(chain: DevChain) -> bool:
    try:
        return bool(ask(chain, "eth_chainId") == "0x7a69")
    except httpx.HTTPError:
        return False


def ask(chain: DevChain, method: str, *params: object):  # type: ignore[no-untyped-def]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    answer = httpx.post(chain.url, json=body, timeout=SOON, trust_env=False).json()
    assert "result" in answer, answer
    return answer["result"]


def until(condition: Callable[[], object]):  # type: ignore[no-untyped-def]
    """What the condition gives, as soon as it gives something."""
    give_up = time.monotonic() + SOON
    while not (found := condition()):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    return found
