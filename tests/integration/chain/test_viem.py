"""A client that nobody here wrote reads our tokens and redeems our vouchers: viem."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from chain.mint_calls import mint_request
from chain.tokens import TokenReader
from chain.vouchers import VoucherDesk
from gitex.metadata import canonical_json
from storage.ipfs.cid import Cid
from tests.integration.chain.deployed import Deployed
from tests.integration.chain.viem_client import install, run_script
from tests.integration.chain.wallets import Street, mint_job, street

# npm may take its time, once.
pytestmark = pytest.mark.timeout(600)
MNEMONIC = "test test test test test test test test test test test junk"
CREATOR, RECIPIENT = 5, 6
PROMPT = canonical_json(["a star", 'a "réd" star'])
METADATA = hashlib.sha256(b"a metadata document").digest()


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    install()


@pytest.fixture
async def town(deployed: Deployed) -> AsyncIterator[Street]:
    async with street(deployed) as made:
        yield made


async def test_a_token_of_ours_is_what_viem_reads(town: Street) -> None:
    order = town.order(b"viem reads this", CREATOR, recipient=RECIPIENT, royalty_bps=250)
    job = mint_job(order, prompt=PROMPT, metadata_digest=METADATA)
    minted = await town.wallet(0).call(town.nft, "mint", mint_request(job))
    addresses = town.deployed.addresses
    question = {
        "url": town.deployed.url,
        "nft": addresses.nft,
        "tokenId": str(order.token_id),
        "assetDigest": f"0x{order.asset_sha256}",
        "fromBlock": addresses.deployed_at_block,
    }
    seen = await asyncio.to_thread(run_script, "read_token.mjs", question)
    ours = await TokenReader(town.node, addresses.nft, addresses.deployed_at_block, block_seconds=1).read(
        order.token_id
    )
    assert (seen["owner"], seen["tokenURI"]) == (ours.owner, ours.uri)
    assert (seen["owner"], seen["tokenURI"]) == (order.recipient, f"ipfs://{Cid(1, 'raw', METADATA)}")
    assert seen["provenance"] == {
        "assetDigest": f"0x{order.asset_sha256}",
        "metadataDigest": f"0x{METADATA.hex()}",
        "modelDigest": f"0x{ours.provenance.model_digest.hex()}",
        "promptDigest": f"0x{hashlib.sha256(PROMPT).hexdigest()}",
        "creator": order.creator,
        "metadataCodec": 0x55,
        "royaltyBps": 250,
        "mintedAt": int(ours.provenance.minted_at.timestamp()),
    }
    assert seen["royalty"] == [order.creator, "250"]
    assert (seen["promptMatches"], seen["otherPromptMatches"], seen["assetMatches"]) == (True, False, True)
    assert ours.mint is not None
    assert (seen["prompt"].encode(), seen["events"]) == (ours.mint.prompt, 1)
    assert seen["interfaces"] == [True, True, True]  # ERC-721, ERC-2981, ERC-4906
    assert [(each["to"], each["transactionHash"]) for each in seen["transfers"]] == [
        (order.recipient, minted.transaction_hash)
    ]


async def test_viem_redeems_a_voucher_from_its_typed_data(town: Street) -> None:
    deployed = town.deployed
    order = town.order(b"viem redeems this", CREATOR, recipient=RECIPIENT, royalty_bps=1000)
    job = mint_job(order, prompt=PROMPT)
    desk = VoucherDesk(deployed.signer, deployed.signer.addresses[0], deployed.chain.chain_id, deployed.addresses.nft)
    now = datetime.fromtimestamp((await town.node.head()).timestamp, UTC)
    voucher = await desk.issue(job, price=3 * 10**16, deadline=now + timedelta(days=365))
    question = {
        "url": deployed.url,
        "chainId": deployed.chain.chain_id,
        "mnemonic": MNEMONIC,
        "account": CREATOR,
        "voucher": {
            "typed_data": voucher.typed_data,
            "signature": voucher.signature,
            "signer": voucher.signer,
            "contract": voucher.contract,
            "calldata": voucher.calldata,
            "price": str(voucher.price),
        },
    }
    seen = await asyncio.to_thread(run_script, "redeem_voucher.mjs", question)
    assert (seen["status"], seen["from"]) == ("success", order.creator.lower())
    assert seen["recovered"] == voucher.signer
    assert seen["digest"] == seen["digestOnChain"] == voucher.digest
    assert seen["sameCalldata"]
    assert seen["redeemed"] == {
        "uid": voucher.uid,
        "tokenId": str(order.token_id),
        "signer": voucher.signer,
        "price": str(voucher.price),
    }
    addresses = deployed.addresses
    token = await TokenReader(town.node, addresses.nft, addresses.deployed_at_block, block_seconds=1).read(
        order.token_id
    )
    assert (token.owner, token.provenance.creator) == (order.recipient, order.creator)
    assert token.mint is not None
    assert token.mint.prompt == PROMPT
