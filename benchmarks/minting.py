"""Claim: the durable path from order to final token mints as many tokens a second as a client that keeps nothing.

Ours is what the service does behind `POST /v1/assets/{id}/mint`: an order is a row, one worker takes what is published,
signs batches, stores each before it is sent, and follows it until its block is final; the database is SQLite on disk.
The peers are clients that sign with the same key and keep nothing: one sends a `mint` for each token as fast as it can,
the other the same batches as ours; both then wait until the last receipt is final. The chain is the embedded one, with
its own block maker, in this machine. Ours and the peers take turns, each with assets of its own. A ratio is the median
over the rounds of ours by the peer's in that round. Also told: how long after the chain calls a mint's block final its
row says so. With `--url`, a running service mints as many pictures too, from the first `POST` to the last `GET` that
says final; they are made and published before. Writes `benchmarks/results/minting.json`. Needs the anvil that
`make setup` installs.

    python -m benchmarks.minting --url http://127.0.0.1:8000
"""

import argparse
import asyncio
import itertools
import json
import os
import platform
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from chain.addresses import load_addresses
from chain.contract import Contract
from chain.dev_keys import dev_keys
from chain.embedded import embedded_chain
from chain.mint_calls import mint_call
from chain.signer import UnsignedTransaction
from chain.web3_node import Web3Node
from configs.chains import load_chain
from configs.settings import Settings
from gitex.minting import MintJob, MintOrder
from storage.database import open_database
from tests.fakes.key_signer import account
from tests.fakes.minting_stage import Stage
from tests.fakes.ports import free_port

RESULT = Path(__file__).parent / "results" / "minting.json"
BATCH = 16
_POLL_SECONDS = 0.02
_NUMBERS = itertools.count()


def main() -> None:
    args = _arguments()
    with TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(data_dir=folder, chain_port=free_port())
        with embedded_chain(settings) as line:
            print(line, flush=True)
            url = os.environ["GITEX_CHAIN_RPC_URL"]
            nft = load_addresses(settings.chain_addresses, load_chain("local").chain_id).nft
            result = asyncio.run(_measure(folder, url, nft, args.mints, args.rounds))
    if args.url:
        rate = asyncio.run(_through_http(args.url, args.mints))
        peer = result["mints a second"]["one by one"]["median"]
        result["through a service's HTTP"] = {"mints a second": round(rate, 1), "by one by one": round(rate / peer, 2)}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


async def _measure(folder: Path, url: str, nft: str, mints: int, rounds: int) -> dict[str, Any]:
    rates: dict[str, list[float]] = {"ours": [], "one by one": [], "in batches": []}
    late: list[float] = []
    async with _stage(folder, url, nft) as (stage, node):
        for _ in range(rounds):
            rates["ours"].append(await _ours(stage, node, mints, late))
            # The key is the peers' now; ours would wait until their transactions are final.
            rates["one by one"].append(await _client(stage, node, mints, 1))
            rates["in batches"].append(await _client(stage, node, mints, BATCH))
    return {
        "mints": mints,
        "rounds": rounds,
        "mints a second": {name: _spread(values) for name, values in rates.items()},
        "ours by": {
            peer: round(statistics.median(a / b for a, b in zip(rates["ours"], rates[peer], strict=True)), 2)
            for peer in ("one by one", "in batches")
        },
        "seconds from final on chain to final in the row": _spread(late),
        "machine": {
            "cores": os.cpu_count(),
            "load": [round(load, 1) for load in os.getloadavg()],
            "python": platform.python_version(),
            "web3": version("web3"),
        },
    }


@asynccontextmanager
async def _stage(folder: Path, url: str, nft: str) -> AsyncIterator[tuple[Stage, Web3Node]]:
    engine = await open_database(f"sqlite+aiosqlite:///{folder}/mints.db")
    node = Web3Node(url, load_chain("local"))
    try:
        yield Stage(engine, real_node=node, contract=nft, now=None, batch=BATCH), node
    finally:
        await node.close()
        await engine.dispose()


async def _ours(stage: Stage, node: Web3Node, mints: int, late: list[float]) -> float:
    """Mints a second, from the first order to the last row that is final."""
    numbers = [next(_NUMBERS) for _ in range(mints)]
    minter = stage.worker()
    started = time.perf_counter()
    orders = [await stage.order(number) for number in numbers]
    watch = asyncio.create_task(_final_on_chain(stage, node, orders[-1].id))
    while True:
        if not await minter.work_once():
            await asyncio.sleep(_POLL_SECONDS)
        last = await stage.mints.get(orders[-1].id)
        if last.state == "final" and (await stage.states(orders))["final"] == mints:
            break
    ended = time.perf_counter()
    late.append(max(0.0, ended - await watch))
    await minter.close()
    return mints / (ended - started)


async def _final_on_chain(stage: Stage, node: Web3Node, mint_id: str) -> float:
    """When the chain itself calls the block final."""
    while True:
        mint = await stage.mints.get(mint_id)
        if mint.block_number is not None and (await node.finalized()).number >= mint.block_number:
            return time.perf_counter()
        await asyncio.sleep(0.005)


async def _client(stage: Stage, node: Web3Node, mints: int, batch: int) -> float:
    """Mints a second of a client that keeps nothing."""
    signer, nft = dev_keys(stage.chain), Contract("GitexNFT", stage.contract)
    (address,) = signer.addresses
    jobs = [_job(stage) for _ in range(mints)]
    started = time.perf_counter()
    nonce, fee = await node.nonce(address), 2 * (await node.head()).base_fee + await node.priority_fee()
    sent = []
    for group in _groups(jobs, batch):
        call = mint_call(nft, address, group)
        unsigned = UnsignedTransaction(
            chain_id=stage.chain.chain_id,
            nonce=nonce,
            to=call.to,
            data=call.data,
            gas=await node.estimate(call) * 6 // 5,
            max_fee=fee,
            priority_fee=await node.priority_fee(),
        )
        signed = await signer.sign_transaction(address, unsigned)
        await node.send(signed.raw)
        sent.append(signed.hash)
        nonce += 1
    for transaction_hash in sent:
        await _until_final(node, transaction_hash)
    return mints / (time.perf_counter() - started)


async def _until_final(node: Web3Node, transaction_hash: str) -> None:
    while True:
        found = await node.inclusion(transaction_hash)
        if found is not None and (await node.finalized()).number >= found.block_number:
            assert found.succeeded
            return
        await asyncio.sleep(_POLL_SECONDS)


def _job(stage: Stage) -> MintJob:
    asset, wallet = secrets.token_bytes(32), account(5).address
    order = MintOrder("", asset.hex(), wallet, wallet, 250, stage.chain.chain_id, stage.contract)
    return MintJob("", order, 0x55, asset, asset, b'["a picture"]', alone=False)


def _groups(jobs: Sequence[MintJob], size: int) -> Iterator[Sequence[MintJob]]:
    return (jobs[start : start + size] for start in range(0, len(jobs), size))


async def _through_http(url: str, mints: int) -> float:
    """Mints a second of a running service, as its callers see it."""
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        assets = [await _published(client) for _ in range(mints)]
        started = time.perf_counter()
        body = {"recipient": account(5).address}
        orders = await asyncio.gather(*(client.post(f"/v1/assets/{asset}/mint", json=body) for asset in assets))
        await asyncio.gather(*(_until_told(client, order.raise_for_status().json()["id"]) for order in orders))
        return mints / (time.perf_counter() - started)


async def _published(client: httpx.AsyncClient) -> str:
    body = {"model": "starter-gan", "prompt": "a red star", "seed": secrets.randbits(32), "response_format": "url"}
    answer = (await client.post("/v1/images/generations", json=body)).raise_for_status().json()
    asset: str = answer["data"][0]["gitex"]["asset_id"]
    while True:
        if (await client.get(f"/v1/assets/{asset}/pins")).json().get("state") == "published":
            return asset
        await asyncio.sleep(0.05)


async def _until_told(client: httpx.AsyncClient, mint: str) -> None:
    while True:
        state = (await client.get(f"/v1/mints/{mint}")).raise_for_status().json()["state"]
        if state in ("final", "failed"):
            assert state == "final"
            return
        await asyncio.sleep(0.1)


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "lowest": round(min(values), 3),
        "highest": round(max(values), 3),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # A worker doubts for ten minutes that more than `chain.signing.MAX_GAP` transactions were sent with its key.
    parser.add_argument("--mints", type=int, default=32, help="in each round, of each side; 48 at most")
    parser.add_argument("--url", help="of a running service, to be measured as well")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
