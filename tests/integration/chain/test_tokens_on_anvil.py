"""Tokens of the real contract, read back."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chain.mint_calls import mint_request
from chain.tokens import TokenReader
from chain.web3_node import Web3Node
from gitex.errors import NotFound, Unavailable
from gitex.metadata import canonical_json, metadata_document
from gitex.tokens import Royalty
from serve_app.services.kept_content import PinnedContent
from serve_app.services.tokens import Tokens
from storage.ipfs.cid import Cid
from tests.fakes.content import MemoryContent
from tests.fakes.tokens import PICTURE, asset
from tests.integration.chain.deployed import Deployed
from tests.integration.chain.wallets import Street, mint_job


def _reader(town: Street) -> TokenReader:
    addresses = town.deployed.addresses
    return TokenReader(town.node, addresses.nft, addresses.deployed_at_block, block_seconds=1)


async def _mint(town: Street, picture: bytes, *, prompt: bytes = b'["a red star"]', royalty_bps: int = 0) -> int:
    """Account 1's picture, for account 2; returns the token's id."""
    order = town.order(picture, 1, recipient=2, royalty_bps=royalty_bps)
    await town.wallet(0).call(town.nft, "mint", mint_request(mint_job(order, prompt=prompt)))
    return order.token_id


async def test_a_token_is_read_back_with_everything(town: Street) -> None:
    prompt = canonical_json(["a star", 'a "réd" star', "x" * 2000])
    token_id = await _mint(town, b"everything", prompt=prompt, royalty_bps=750)
    token = await _reader(town).read(token_id)
    signer = town.deployed.signer
    assert (token.id, token.contract, token.owner) == (token_id, town.nft.address, signer.addresses[2])
    assert token.uri == f"ipfs://{Cid(1, 'raw', b'm' * 32)}"
    assert (token.provenance.creator, token.provenance.royalty_bps) == (signer.addresses[1], 750)
    assert token.royalty == Royalty(signer.addresses[1], 750)
    assert token.mint is not None
    assert (token.mint.prompt, token.mint.creator) == (prompt, signer.addresses[1])
    assert token.mint.prompt_digest == token.provenance.prompt_digest
    included = await town.node.inclusion(token.mint.transaction)
    assert included is not None
    assert (included.block_number, included.block_hash) == (token.mint.block_number, token.mint.block_hash)
    assert abs((datetime.now(UTC) - token.provenance.minted_at).total_seconds()) < 600


async def test_a_token_is_final_when_its_block_is(town: Street) -> None:
    token_id = await _mint(town, b"final")
    assert not (await _reader(town).read(token_id)).final
    await town.finish()
    assert (await _reader(town).read(token_id)).final


async def test_tokens_of_one_transaction_have_prompts_of_their_own(town: Street) -> None:
    orders = [town.order(f"batch {number}".encode(), 1) for number in range(3)]
    requests = [mint_request(mint_job(each, prompt=f'["prompt {n}"]'.encode())) for n, each in enumerate(orders)]
    await town.wallet(0).call(town.nft, "mintBatch", requests)
    for number, order in enumerate(orders):
        token = await _reader(town).read(order.token_id)
        assert token.mint is not None
        assert token.mint.prompt == f'["prompt {number}"]'.encode()


async def test_a_reorganisation_takes_a_token_and_another_mint_brings_it_back(town: Street) -> None:
    order = town.order(b"reorganised", 1)
    token_id = await _mint(town, b"reorganised", prompt=b'["first"]')
    assert await _reader(town).is_minted(bytes.fromhex(order.asset_sha256))
    await town.rpc("anvil_reorg", 1, [])
    assert not await _reader(town).is_minted(bytes.fromhex(order.asset_sha256))
    with pytest.raises(NotFound, match=f"there is no token {token_id}"):
        await _reader(town).read(token_id)
    await _mint(town, b"reorganised", prompt=b'["second"]')
    token = await _reader(town).read(token_id)
    assert token.mint is not None
    assert token.mint.prompt == b'["second"]'


async def test_a_wrong_address_is_told(town: Street) -> None:
    with pytest.raises(Unavailable, match="there is no contract"):
        await TokenReader(town.node, town.wallet(5).address, 0).read(1)


async def test_a_minted_picture_is_read_back_from_chain_and_content_and_matches(town: Street) -> None:
    content = MemoryContent()
    cid = content.add_file(PICTURE)
    made = asset(cid=cid)
    document = Cid.parse(content.add_file(metadata_document(made, cid)))
    order = replace(town.order(PICTURE, 1), asset_id=made.id)
    job = mint_job(order, prompt=canonical_json(list(made.prompt_history)), metadata_digest=document.digest)
    await town.wallet(0).call(town.nft, "mint", mint_request(job))
    tokens = Tokens(lambda: _reader(town), PinnedContent(content), town.deployed.chain)
    report = await tokens.verify(order.token_id)
    assert [(check.name, check.reason) for check in report.checks if check.verdict != "ok"] == []
    assert report.matches
    content.deleted.add(cid)
    assert not (await tokens.verify(order.token_id)).matches


async def test_a_node_that_hangs_is_unavailable_and_nobody_waits_for_ever(site: Deployed) -> None:
    node = Web3Node(site.url, site.chain, timeout_s=0.5)
    site.anvil.pause()
    try:
        with pytest.raises(Unavailable, match="does not answer"):
            await TokenReader(node, site.addresses.nft, 0).read(1)
    finally:
        site.anvil.resume()
        await node.close()
