"""Forks minters that are there to be killed. python -m tests.integration.chain.minting_process DATABASE_URL RPC_URL NFT

For each line of standard input it forks one, prints its process id once it has opened the database, and an empty line
when it is dead. Everything is imported before, so that a minter is at work a few milliseconds after it was forked.
"""

import asyncio
import os
import sys
from contextlib import suppress
from datetime import timedelta

from chain.fees import FeePolicy
from chain.minter import Minter
from chain.web3_node import Web3Node
from configs.chains import load_chain
from gitex.errors import Unavailable
from gitex.minting import Sender
from storage.database import open_database
from storage.mint_outbox import SqlMintOutbox
from tests.fakes.key_signer import KeySigner
from tests.fakes.stores import MemoryRecorder


async def mint_until_killed(database_url: str, rpc_url: str, nft: str, ready: int) -> None:
    """Never returns."""
    chain, signer = load_chain("local"), KeySigner()
    minter = Minter(
        SqlMintOutbox(await open_database(database_url)),
        Web3Node(rpc_url, chain),
        signer,
        sender=Sender(chain.chain_id, signer.addresses[0]),
        contract=nft,
        chain=chain,
        policy=FeePolicy(per_mint=10**17, per_day=10**21),
        recorder=MemoryRecorder(),
        # All have one name: the one before is dead for certain, and nobody waits for its lease to run out.
        owner="one after the other",
        batch=1,
        lease=timedelta(seconds=30),
    )
    os.write(ready, b".")
    while True:
        with suppress(Unavailable):
            if await minter.work_once():
                continue
        await asyncio.sleep(0.005)


def main() -> None:
    for _ in sys.stdin:
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            asyncio.run(mint_until_killed(*sys.argv[1:4], ready=writable))
        os.close(writable)
        os.read(readable, 1)
        os.close(readable)
        print(child, flush=True)
        os.waitpid(child, 0)
        print(flush=True)


if __name__ == "__main__":
    main()
