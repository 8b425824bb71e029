"""Reading a token back from the chain."""

from datetime import UTC, datetime

import pytest

from chain.tokens import TokenReader
from gitex.errors import InvalidInput, NotFound, Unavailable
from gitex.tokens import Royalty
from tests.fakes.token_chain import CREATOR, NFT, OWNER, Minted, TokenChain

RED = Minted(b"\x01" * 32, royalty_bps=700)
BLUE = Minted(b"\xfe" * 32, prompt=b'["a blue star"]')


def _reader(chain: TokenChain, first_block: int = 0, search_s: float = 20.0) -> TokenReader:
    return TokenReader(chain.node, NFT, first_block, search_s=search_s)


async def test_a_token_has_all_that_contract_and_events_say() -> None:
    chain = TokenChain()
    chain.node.mine_empty(5)
    chain.mint(BLUE)
    chain.mint(RED)
    minted_in = chain.node.blocks[-1]
    token = await _reader(chain).read(RED.token_id)
    assert (token.id, token.contract, token.owner) == (RED.token_id, NFT, OWNER)
    assert token.uri == f"ipfs://{RED.metadata_digest.hex()}"
    assert token.royalty == Royalty(CREATOR, 700)
    assert (token.provenance.asset_digest, token.provenance.creator) == (RED.asset_digest, CREATOR)
    assert token.provenance.minted_at == datetime.fromtimestamp(minted_in.head.timestamp, UTC)
    assert token.mint is not None
    assert (token.mint.prompt, token.mint.model_digest) == (RED.prompt, RED.model_digest)
    assert (token.mint.block_number, token.mint.block_hash) == (7, minted_in.head.hash)
    assert token.mint.transaction == minted_in.logs[1].transaction_hash
    assert (token.block_number, token.final, token.mint_problem) == (7, False, "")


async def test_a_collections_royalty_is_told_where_a_token_has_none() -> None:
    chain = TokenChain()
    chain.mint(BLUE)
    assert (await _reader(chain).read(BLUE.token_id)).royalty == Royalty(NFT, 500)


async def test_it_is_final_when_the_newest_final_block_has_it() -> None:
    chain = TokenChain(final_depth=2)
    chain.mint(RED)
    finals = []
    for _ in range(4):
        finals.append((await _reader(chain).read(RED.token_id)).final)
        chain.node.mine_empty(1)
    assert finals == [False, False, True, True]


async def test_nothing_is_final_before_the_contract_is() -> None:
    chain = TokenChain(final_depth=10)
    chain.node.contracts[NFT][1]["isMinted"] = lambda block, digest: b"" if block < 3 else True
    chain.node.mine_empty(4)
    chain.mint(RED)
    assert not (await _reader(chain, first_block=2).read(RED.token_id)).final


async def test_no_token_is_not_found_and_no_number_is_invalid() -> None:
    chain = TokenChain()
    chain.mint(RED)
    with pytest.raises(NotFound, match="there is no token 7"):
        await _reader(chain).read(7)
    for number in (-1, 2**256):
        with pytest.raises(InvalidInput):
            await _reader(chain).read(number)


async def test_is_minted_asks_the_newest_block() -> None:
    chain = TokenChain(final_depth=50)
    chain.mint(RED)
    assert await _reader(chain).is_minted(RED.asset_digest)
    assert not await _reader(chain).is_minted(BLUE.asset_digest)


async def test_all_is_read_at_one_block_and_again_if_that_one_was_replaced() -> None:
    chain = TokenChain()
    chain.mint(BLUE)
    chain.mint(RED)
    moved = iter([True, False])

    def replace(method: str) -> None:
        if method == "tokenURI" and next(moved, False):
            chain.node.reorganise(1)
            chain.mint(Minted(RED.asset_digest, owner=CREATOR))
            chain.node.mine_empty(3)

    chain.node.before = replace
    token = await _reader(chain).read(RED.token_id)
    assert (token.owner, token.block_number) == (CREATOR, 5)
    assert token.royalty.receiver == NFT  # of the same chain as the owner
    asked_at = [at for name, at in chain.node.called_at if name != "isMinted"]
    assert asked_at == [2] * 4 + [5] * 4


async def test_a_chain_that_never_stands_still_is_given_up() -> None:
    chain = TokenChain()
    chain.mint(RED)
    chain.node.mine_empty(1)

    def replace(method: str) -> None:
        if method == "royaltyInfo":
            chain.node.reorganise(1, ())

    chain.node.before = replace
    with pytest.raises(Unavailable, match="changes while it is read"):
        await _reader(chain).read(RED.token_id)


async def test_old_events_are_found_through_a_node_that_gives_few_blocks_at_once() -> None:
    chain = TokenChain()
    chain.node.mine_empty(300)
    chain.mint(RED)
    chain.node.mine_empty(700)
    chain.node.most_blocks = 10
    reader = _reader(chain, first_block=100)
    token = await reader.read(RED.token_id)
    assert token.mint is not None
    assert token.mint.prompt == RED.prompt
    chain.node.asked.clear()
    await reader.read(RED.token_id)
    assert chain.node.asked.count("logs") <= 3  # by its time, not through all blocks


async def test_a_node_without_old_events_leaves_the_rest_readable() -> None:
    chain = TokenChain()
    chain.mint(RED)
    chain.node.leaves_out = lambda log: True
    token = await _reader(chain).read(RED.token_id)
    assert (token.owner, token.mint) == (OWNER, None)
    assert token.mint_problem == "the node has no events of its mint"
    chain.node.most_blocks = 0
    token = await _reader(chain).read(RED.token_id)
    assert "max block range" in token.mint_problem


async def test_a_search_that_takes_too_long_is_ended() -> None:
    chain = TokenChain()
    chain.node.mine_empty(10)
    chain.mint(RED)
    token = await _reader(chain, search_s=0.0).read(RED.token_id)
    assert token.mint is None
    assert token.mint_problem == "its events were not found within 0 s"


async def test_an_event_of_a_block_that_is_replaced_meanwhile_is_not_told() -> None:
    chain = TokenChain()
    chain.mint(RED)

    def replace(method: str) -> None:
        if method == "block_hash" and "logs" in chain.node.asked:
            chain.node.before = lambda method: None
            chain.node.reorganise(1)
            chain.mint(RED)

    chain.node.before = replace
    token = await _reader(chain).read(RED.token_id)
    assert (token.mint, "was replaced" in token.mint_problem) == (None, True)


async def test_a_wrong_address_and_a_dead_node_are_unavailable() -> None:
    chain = TokenChain()
    chain.mint(RED)
    with pytest.raises(Unavailable, match="there is no contract"):
        await TokenReader(chain.node, OWNER, 0).read(RED.token_id)
    chain.node.down = Unavailable("the node is down")
    with pytest.raises(Unavailable, match="is down"):
        await _reader(chain).read(RED.token_id)
