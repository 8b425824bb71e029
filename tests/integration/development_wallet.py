"""A wallet on the chain of the integration tests' cluster: that of a development account."""

import asyncio

from chain.dev_keys import dev_keys
from chain.node import Call
from chain.signer import UnsignedTransaction
from chain.site import rpc_url
from chain.web3_node import Web3Node
from configs.chains import load_chain
from configs.settings import load_settings
from gitex.minting import Inclusion

_CHAIN = load_chain("local")
_KEYS = dev_keys(_CHAIN, 5)
HOLDER = _KEYS.addresses[4]
"""Whose it is. Nobody else uses it."""
_SECONDS = 30


async def send(to: str, data: bytes, wei: int = 0) -> Inclusion:
    """Send one transaction of `HOLDER`'s, and wait until it is in a block."""
    node, call = Web3Node(rpc_url(load_settings(), _CHAIN), _CHAIN), Call(to, data, HOLDER, wei)
    try:
        gas = await node.estimate(call)
        transaction = UnsignedTransaction(
            chain_id=_CHAIN.chain_id,
            nonce=await node.nonce(HOLDER),
            to=to,
            data=data,
            gas=gas + gas // 4,
            max_fee=2 * (await node.head()).base_fee + 1,
            priority_fee=1,
            value=wei,
        )
        signed = await _KEYS.sign_transaction(HOLDER, transaction)
        await node.send(signed.raw)
        async with asyncio.timeout(_SECONDS):
            while (inclusion := await node.inclusion(signed.hash)) is None:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.1)
        return inclusion
    finally:
        await node.close()
