"""The call that mints: one asset, or several in one transaction."""

from collections.abc import Sequence
from typing import Any

from chain.contract import Contract
from chain.node import Call
from gitex.minting import MintJob


def mint_call(nft: Contract, sender: str, jobs: Sequence[MintJob]) -> Call:
    """What `sender` sends to mint these, in their order: `mint` for one, `mintBatch` for more."""
    requests = [mint_request(job) for job in jobs]
    data = nft.encode("mint", requests[0]) if len(requests) == 1 else nft.encode("mintBatch", requests)
    return Call(to=nft.address, data=data, sender=sender)


def mint_request(job: MintJob) -> tuple[Any, ...]:
    """`IGitexNFT.MintRequest`, in the order of its fields."""
    order = job.order
    return (
        order.recipient,
        order.creator,
        bytes.fromhex(order.asset_sha256),
        job.metadata_digest,
        job.model_digest,
        job.metadata_codec,
        order.royalty_bps,
        job.prompt,
    )
