"""What may be minted, and for whom: checked at the door, before anything is written."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from chain.address import checksummed
from configs.chains import Chain
from gitex.assets import Asset
from gitex.errors import InvalidInput
from gitex.metadata import canonical_json
from gitex.minting import MAX_PROMPT_BYTES, MAX_ROYALTY_BPS, MintOrder

_SHA256 = re.compile("sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class MintingSite:
    """What is minted on."""

    chain: Chain
    nft: str
    """Address of the `GitexNFT`."""


class OnChain(NamedTuple):
    """What a token keeps of its asset's making."""

    prompt: bytes
    """The whole prompt history as canonical JSON."""
    model_digest: bytes
    """SHA-256 that names the weights: 32 bytes."""


def on_chain(asset: Asset) -> OnChain:
    """Raise `InvalidInput` if the contract could not take it."""
    prompt = canonical_json(list(asset.prompt_history))
    if len(prompt) > MAX_PROMPT_BYTES:
        raise InvalidInput(
            f"the prompt history of {asset.id} has {len(prompt)} bytes as JSON; a token keeps at most"
            f" {MAX_PROMPT_BYTES}",
            param="asset_id",
        )
    weights = _SHA256.fullmatch(asset.spec.variant.weights_digest)
    if weights is None:
        raise InvalidInput(
            f"{asset.id} does not name the weights that made it (sha256:…), which its token must", param="asset_id"
        )
    return OnChain(prompt, bytes.fromhex(weights[1]))


def mint_order(
    asset: Asset, site: MintingSite, *, recipient: str | None, creator: str | None, royalty_bps: int
) -> MintOrder:
    """The order. Of recipient and creator, one may be left out: then it is the other. Raises `InvalidInput` that names
    the field.
    """
    if not 0 <= royalty_bps <= MAX_ROYALTY_BPS:
        raise InvalidInput(f"a royalty is from 0 to {MAX_ROYALTY_BPS} basis points", param="royalty_bps")
    to = None if recipient is None else checksummed(recipient, param="recipient")
    by = None if creator is None else checksummed(creator, param="creator")
    if (wallet := to or by) is None:
        raise InvalidInput("a token goes to somebody", param="recipient")
    return MintOrder(
        asset_id=asset.id,
        asset_sha256=asset.sha256,
        recipient=to or wallet,
        creator=by or wallet,
        royalty_bps=royalty_bps,
        chain_id=site.chain.chain_id,
        contract=site.nft,
    )
