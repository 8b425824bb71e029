"""The node's adapter and the signers against a real node: anvil."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from chain.address import ZERO_ADDRESS
from chain.contract import Contract, creation_code
from chain.dev_keys import dev_keys
from chain.external_signer import open_external_signer
from chain.node import Call
from chain.signer import Signer, UnsignedTransaction
from chain.web3_node import Web3Node
from configs.chains import LOCAL_CHAIN_ID, Chain, load_chain
from gitex.errors import Reverted, TransactionRefused, Unavailable, WrongChain
from gitex.minting import Inclusion
from tests.fakes.signing_examples import TYPED_DATA
from tests.integration.chain.anvil_process import QUICK_FINALITY, Anvil

CHAIN = load_chain("local")
ALICE, BOB = dev_keys(CHAIN, 2).addresses
GWEI = 10**9


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    with Anvil(tmp_path, *QUICK_FINALITY) as running:
        yield running


@asynccontextmanager
async def node_at(url: str, chain: Chain = CHAIN, *, timeout_s: float = 10) -> AsyncIterator[Web3Node]:
    made = Web3Node(url, chain, timeout_s=timeout_s)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def node(anvil: Anvil) -> AsyncIterator[Web3Node]:
    async with node_at(anvil.url) as made:
        yield made


def transfer(nonce: int, max_fee: int = 10 * GWEI, **fields: int) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=LOCAL_CHAIN_ID,
        nonce=nonce,
        to=BOB,
        data=b"",
        gas=21_000,
        max_fee=max_fee,
        priority_fee=GWEI,
        value=fields.get("value", 1),
    )


async def sent(node: Web3Node, signer: Signer, transaction: UnsignedTransaction) -> str:
    signed = await signer.sign_transaction(ALICE, transaction)
    await node.send(signed.raw)
    return signed.hash


async def included(node: Web3Node, transaction_hash: str) -> Inclusion:
    async with asyncio.timeout(10):
        while True:
            found = await node.inclusion(transaction_hash)
            if found is not None:
                return found
            await asyncio.sleep(0.01)


async def asked(anvil: Anvil, method: str, *params: object) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        said = await client.post(anvil.url, json={"id": 1, "jsonrpc": "2.0", "method": method, "params": params})
        assert "error" not in said.json()


async def test_a_contract_is_made_called_and_heard(node: Web3Node) -> None:
    keys = dev_keys(CHAIN)
    call = Call(to="", data=creation_code("GTX"), sender=ALICE)
    creation = UnsignedTransaction(
        chain_id=LOCAL_CHAIN_ID,
        nonce=await node.nonce(ALICE),
        to="",
        data=call.data,
        gas=await node.estimate(call),
        max_fee=10 * GWEI,
        priority_fee=await node.priority_fee(),
    )
    before = await node.balance(ALICE)
    created = await sent(node, keys, creation)
    mined = await included(node, created)
    assert mined.succeeded
    assert (await node.head()).number == mined.block_number == 1
    assert await node.block_hash(1) == mined.block_hash
    assert await node.balance(ALICE) == before - mined.fee
    assert (await node.nonce(ALICE), await node.nonce(ALICE, block=0)) == (1, 0)

    # The first contract of the first development key.
    gtx = Contract("GTX", "0x5FbDB2315678afecb367f032d93F642f64180aa3")
    (event,) = [gtx.event(log) for log in await node.logs(gtx.address, [], 0, 1)]
    assert event == {"version": 2**64 - 1}, "an implementation is set up for good"
    answer = await node.call(Call(gtx.address, gtx.encode("totalSupply")))
    assert gtx.decode("totalSupply", answer) == (0,)
    stake = Call(gtx.address, gtx.encode("stake", 0), ALICE)
    for ask in (node.call, node.estimate):
        with pytest.raises(Reverted, match="the amount must not be zero") as raised:
            await ask(stake)
        assert raised.value.error == "GTX__ZeroAmount"


async def test_no_contract_is_not_taken_for_one(node: Web3Node) -> None:
    gtx = Contract("GTX", BOB)
    with pytest.raises(Unavailable, match="there is no contract"):
        gtx.decode("totalSupply", await node.call(Call(BOB, gtx.encode("totalSupply"))))


async def test_blocks_become_final_as_others_follow(anvil: Anvil, node: Web3Node) -> None:
    assert (await node.finalized()).number == 0
    await asked(anvil, "anvil_mine", "0x5")
    head = await node.head()
    assert (await node.finalized()).number == head.number - 2
    async with node_at(anvil.url, CHAIN.model_copy(update={"finality": 4})) as by_number:
        assert (await by_number.finalized()).number == head.number - 4
    assert await node.block_hash(head.number + 1) is None


async def test_what_waits_and_what_is_refused(tmp_path: Path) -> None:
    keys = dev_keys(CHAIN)
    with Anvil(tmp_path, "--no-mining") as anvil:
        async with node_at(anvil.url) as node:
            waiting = await sent(node, keys, transfer(0))
            assert await sent(node, keys, transfer(0)) == waiting, "that it is known already is no error"
            assert (await node.knows(waiting), await node.inclusion(waiting)) == (True, None)
            assert (await node.nonce(ALICE), await node.knows("0x" + "11" * 32)) == (0, False)
            with pytest.raises(TransactionRefused) as raised:
                await sent(node, keys, transfer(0, value=2))
            assert raised.value.why == "underpriced"
            await asked(anvil, "anvil_mine", "0x1")
            refused = [
                (transfer(0, value=3), "nonce_too_low"),
                (transfer(1, value=10**30), "insufficient_funds"),
            ]
            for transaction, why in refused:
                with pytest.raises(TransactionRefused) as raised:
                    await sent(node, keys, transaction)
                assert raised.value.why == why, raised.value.message


async def test_a_node_that_hangs_dies_and_comes_back(anvil: Anvil) -> None:
    async with node_at(anvil.url, timeout_s=1) as node:
        assert (await node.head()).number == 0
        anvil.pause()
        with pytest.raises(Unavailable, match="within 1 s"):
            await node.head()
        anvil.resume()
        assert (await node.head()).number == 0
        anvil.kill()
        with pytest.raises(Unavailable, match="cannot be reached"):
            await node.head()
        anvil.start()
        assert (await node.head()).number == 0


async def test_another_chain_behind_the_same_address_is_noticed(tmp_path: Path, anvil: Anvil, node: Web3Node) -> None:
    await node.check()
    anvil.stop()
    with Anvil(tmp_path, "--chain-id", "5", port=anvil.port):
        with pytest.raises(Unavailable):  # the old connection's end, perhaps
            await node.head()
        for _ in range(2):
            with pytest.raises(WrongChain, match="is on chain 5"):
                await node.head()
            with pytest.raises(WrongChain):
                await node.send(b"\x02")


async def test_a_node_that_holds_keys_is_a_signer(anvil: Anvil, node: Web3Node) -> None:
    signer = await open_external_signer(anvil.url)
    assert signer.addresses[:2] == (ALICE, BOB)
    assert await sent(node, signer, transfer(0)) == (await dev_keys(CHAIN).sign_transaction(ALICE, transfer(0))).hash
    signature = await signer.sign_typed_data(ALICE, TYPED_DATA)
    assert Account.recover_message(encode_typed_data(full_message=TYPED_DATA), signature=signature) == ALICE
    assert signature == await dev_keys(CHAIN).sign_typed_data(ALICE, TYPED_DATA)


async def test_many_questions_at_once(node: Web3Node) -> None:
    answers = await asyncio.gather(
        *(node.balance(address) for address in (ALICE, BOB, ZERO_ADDRESS) for _ in range(50))
    )
    assert set(answers) == {10_000 * 10**18, 0}


def test_a_chain_is_kept_in_its_file_when_stopped(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    for number in (1, 2):
        with Anvil(tmp_path, state=state) as anvil:
            said = httpx.post(
                anvil.url,
                json={"id": 1, "jsonrpc": "2.0", "method": "evm_mine", "params": []},
                trust_env=False,
            )
            assert "error" not in said.json()
            said = httpx.post(
                anvil.url, json={"id": 1, "jsonrpc": "2.0", "method": "eth_blockNumber", "params": []}, trust_env=False
            )
            assert said.json()["result"] == hex(number)
