"""The program of the embedded chain, and the calls that only such a chain takes."""

import platform
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from gitex.errors import Unavailable

CONTRACTS = Path(__file__).with_name("contracts")
NOT_INSTALLED = "anvil is not installed; `make setup` does that where npm is, or name a node by GITEX_CHAIN_RPC_URL"
_LONG_SECONDS = 120.0
"""Of a dump: 0.1 s for a thousand tokens."""


def anvil_program(contracts: Path = CONTRACTS) -> Path | None:
    """Where npm put it for this machine; None if it did not. Not npm's starter, which is a second process."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"anvil-{platform.system().lower()}-{machine}"
    program = contracts / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    return program if program.is_file() else None


class Tip(NamedTuple):
    """The newest block, and what waits for the next one."""

    number: int
    hash: str
    timestamp: int
    """Unix seconds."""
    transactions: int
    """In the block."""
    pending: int
    """That could be in the next block."""


class AnvilRpc:
    """One anvil on loopback, asked from a thread. Everything raises `Unavailable` if it gives no answer."""

    def __init__(self, port: int, *, timeout_s: float = 15.0) -> None:
        """`timeout_s`: of a request; making blocks and dumps may take longer."""
        self._url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(timeout=timeout_s, trust_env=False)
        self._ids = count(1)

    def tip(self) -> Tip:
        """Where the chain is."""
        block, pool = self._ask(("eth_getBlockByNumber", "latest", False), ("txpool_status",))
        return Tip(
            number=int(block["number"], 16),
            hash=block["hash"],
            timestamp=int(block["timestamp"], 16),
            transactions=len(block["transactions"]),
            pending=int(pool["pending"], 16),
        )

    def hash(self, number: int) -> str:
        """Of the block with that number; empty if there is none."""
        (block,) = self._ask(("eth_getBlockByNumber", hex(number), False))
        return block["hash"] if block else ""

    def mine(self) -> None:
        """Make one block of what is pending."""
        self._ask(("evm_mine",), seconds=_LONG_SECONDS)

    def dump(self) -> bytes:
        """The whole chain: accounts, blocks, transactions and receipts; JSON in gzip."""
        (dumped,) = self._ask(("anvil_dumpState",), seconds=_LONG_SECONDS)
        return bytes.fromhex(dumped.removeprefix("0x"))

    def balance(self, address: str) -> int:
        """In wei."""
        (found,) = self._ask(("eth_getBalance", address, "latest"))
        return int(found, 16)

    def give(self, address: str, wei: int) -> None:
        """Set what an address has, out of nothing."""
        self._ask(("anvil_setBalance", address, hex(wei)))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, *calls: tuple[Any, ...], seconds: float | None = None) -> list[Any]:
        """The results of calls, method and parameters each, that are made together."""
        requests = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": parameters}
            for method, *parameters in calls
        ]
        try:
            timeout = self._client.timeout if seconds is None else seconds
            answers = self._client.post(self._url, json=requests, timeout=timeout).json()
            by_id = {answer["id"]: answer["result"] for answer in answers}
            return [by_id[request["id"]] for request in requests]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as problem:
            raise Unavailable(f"the embedded chain gives no answer to {calls[0][0]}: {problem!r}") from problem
