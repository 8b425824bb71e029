"""Questions to contracts, at the newest block."""

from typing import Any

from chain.contract import Contract
from chain.node import Call, Node


async def read(node: Node, contract: Contract, function: str, *args: object, sender: str = "") -> Any:
    """What the function answers, or the first of what it does, as if `sender` asked.

    Raises `Reverted`, and `Unavailable`, also if there is no such contract.
    """
    answer = await node.call(Call(contract.address, contract.encode(function, *args), sender=sender))
    return contract.decode(function, answer)[0]
