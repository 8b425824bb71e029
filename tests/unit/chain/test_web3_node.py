"""What a node's answers become; against a scripted server over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from eth_utils.crypto import keccak

from chain.node import Call, Head, Log, LogsRefused
from chain.web3_node import Web3Node
from configs.chains import Chain, load_chain
from gitex.errors import GitexError, InsufficientFunds, Reverted, Unavailable, WrongChain
from gitex.minting import Inclusion
from tests.fakes.rpc_server import Question, RpcServer, error, hangs_up, last_result, replies, result

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
HASH, OTHER = "0x" + "aB" * 32, "0x" + "cd" * 32
CALL = Call(to=ALICE, data=b"\x12\x34", sender=ALICE)
BLOCK = {
    "number": "0x10",
    "hash": HASH,
    "timestamp": "0x6553f100",
    "baseFeePerGas": "0x7",
    "extraData": "0x" + "f" * 400,
}
RECEIPT = {
    "transactionHash": HASH,
    "blockNumber": "0x10",
    "blockHash": OTHER,
    "status": "0x1",
    "gasUsed": "0x64",
    "effectiveGasPrice": "0x3",
}
LOG = {
    "address": ALICE.lower(),
    "topics": [HASH, OTHER],
    "data": "0x0102",
    "blockNumber": "0x10",
    "blockHash": OTHER,
    "transactionHash": HASH,
    "logIndex": "0x2",
    "removed": False,
}


@pytest.fixture
def chain() -> Chain:
    return load_chain("local")


@pytest.fixture
async def node_of(server: RpcServer, chain: Chain) -> AsyncIterator[Callable[..., Web3Node]]:
    """Nodes of chains that differ from the local one."""
    made: list[Web3Node] = []

    def make(**changes: Any) -> Web3Node:
        made.append(Web3Node(server.url, chain.model_copy(update=changes), timeout_s=5))
        return made[-1]

    yield make
    for node in made:
        await node.close()


def blocks(**by_tag: object) -> Callable[[Question], object]:
    def answer(question: Question) -> object:
        return {"jsonrpc": "2.0", "id": question.id, "result": by_tag.get(str(question.params[0]))}

    return answer


async def test_the_head_is_a_block_of_any_evm_chain(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_getBlockByNumber"] = result(BLOCK)
    assert await node.head() == Head(16, HASH.lower(), 1_700_000_000, 7)
    server.says["eth_getBlockByNumber"] = result(BLOCK | {"baseFeePerGas": None})
    assert (await node.head()).base_fee == 0
    assert server.asked == [("eth_getBlockByNumber", ["latest", False])] * 2


async def test_finality_is_the_nodes_word_or_a_number_of_blocks(
    server: RpcServer, node_of: Callable[..., Web3Node]
) -> None:
    by_tag = {"latest": BLOCK, "0x0": BLOCK | {"number": "0x0"}, "0xd": BLOCK | {"number": "0xd"}}
    server.says["eth_getBlockByNumber"] = replies(blocks(**by_tag, finalized=BLOCK | {"number": "0x5"}))
    assert (await node_of(finality="finalized").finalized()).number == 5
    assert (await node_of(finality=3).finalized()).number == 13
    assert (await node_of(finality=99).finalized()).number == 0


@pytest.mark.parametrize("none_yet", [result(None), error(-39001, "finalized block not found")])
async def test_before_anything_is_final_the_first_block_is(server: RpcServer, node: Web3Node, none_yet: Any) -> None:
    async def answer(question: Question) -> None:
        await (none_yet if question.params[0] == "finalized" else result(BLOCK | {"number": "0x0"}))(question)

    server.says["eth_getBlockByNumber"] = answer
    assert (await node.finalized()).number == 0


async def test_blocks_transactions_and_receipts_may_not_be_there(server: RpcServer, node: Web3Node) -> None:
    for nothing in (result(None), error(-32000, "header not found"), error(-32000, "transaction not found")):
        for method in ("eth_getBlockByNumber", "eth_getTransactionByHash", "eth_getTransactionReceipt"):
            server.says[method] = nothing
        assert await node.block_hash(5) is None
        assert await node.knows(HASH) is False
        assert await node.inclusion(HASH) is None
    server.says["eth_getTransactionReceipt"] = error(-32601, "Method not found")
    with pytest.raises(Unavailable, match="Method not found"):
        await node.inclusion(HASH)


async def test_an_inclusion_is_where_and_how_and_for_how_much(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_getTransactionReceipt"] = result(RECEIPT)
    assert await node.inclusion(HASH) == Inclusion(HASH.lower(), 16, OTHER, True, 300)
    server.says["eth_getTransactionReceipt"] = result(RECEIPT | {"status": "0x0"})
    assert await node.inclusion(HASH) == Inclusion(HASH.lower(), 16, OTHER, False, 300)
    server.says["eth_getTransactionReceipt"] = result(RECEIPT | {"blockHash": None, "blockNumber": None})
    assert await node.inclusion(HASH) is None
    server.says["eth_getTransactionByHash"] = result({"hash": HASH})
    assert await node.knows(HASH) is True


async def test_numbers_are_read_at_the_newest_block_or_at_one(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_getTransactionCount"] = server.says["eth_getBalance"] = result("0x0f")
    assert [await node.nonce(ALICE), await node.nonce(ALICE, block=9), await node.balance(ALICE)] == [15, 15, 15]
    assert server.asked == [
        ("eth_getTransactionCount", [ALICE, "latest"]),
        ("eth_getTransactionCount", [ALICE, "0x9"]),
        ("eth_getBalance", [ALICE, "latest"]),
    ]


async def test_a_call_has_only_the_fields_that_are_given(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_call"], server.says["eth_estimateGas"] = result("0x"), result("0x5208")
    assert await node.call(CALL, block=3) == b""
    assert await node.estimate(Call(to="", data=b"\x60", value=5)) == 21_000
    wanted = {"data": "0x1234", "value": "0x0", "to": ALICE, "from": ALICE}
    assert server.asked == [("eth_call", [wanted, "0x3"]), ("eth_estimateGas", [{"data": "0x60", "value": "0x5"}])]


async def test_a_recommended_fee_is_looked_for_in_three_places(server: RpcServer, node: Web3Node) -> None:
    assert await node.priority_fee() == 0
    history = {"oldestBlock": "0x1", "reward": [["0x5"], ["0x1"], ["0x9"]]}
    server.says["eth_feeHistory"] = result(history)
    assert await node.priority_fee() == 5
    server.says["eth_maxPriorityFeePerGas"] = result("0x3")
    assert await node.priority_fee() == 3
    assert [method for method, _ in server.asked[-2:]] == ["eth_feeHistory", "eth_maxPriorityFeePerGas"]


async def test_what_was_sent_must_be_what_the_node_took(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_sendRawTransaction"] = result(f"0x{keccak(b'raw').hex()}")
    await node.send(b"raw")
    assert server.asked == [("eth_sendRawTransaction", ["0x726177"])]
    with pytest.raises(Unavailable, match="no answer"):
        await node.send(b"other")


async def test_logs_come_in_the_chains_order_without_removed_ones(server: RpcServer, node: Web3Node) -> None:
    later, removed = LOG | {"blockNumber": "0x11", "logIndex": "0x0"}, LOG | {"removed": True}
    server.says["eth_getLogs"] = result([later, removed, LOG])
    found = await node.logs(ALICE, [HASH, None], 16, 17)
    assert found[0] == Log(ALICE, (HASH.lower(), OTHER), b"\x01\x02", 16, OTHER, HASH.lower(), 2)
    assert [log.block_number for log in found] == [16, 17]
    wanted = {"address": ALICE, "topics": [HASH, None], "fromBlock": "0x10", "toBlock": "0x11"}
    assert server.asked == [("eth_getLogs", [wanted])]


@pytest.mark.parametrize("others", [LOG | {"address": "0x" + "11" * 20}, LOG | {"blockNumber": "0x12"}])
async def test_logs_that_nobody_asked_for_are_not_believed(server: RpcServer, node: Web3Node, others: object) -> None:
    server.says["eth_getLogs"] = result([LOG, others])
    with pytest.raises(Unavailable, match="no answer"):
        await node.logs(ALICE, [], 16, 17)


async def test_a_limit_of_logs_is_told_apart(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_getLogs"] = error(-32005, "query returned more than 10000 results")
    with pytest.raises(LogsRefused, match="more than 10000"):
        await node.logs(ALICE, [], 0, 17)


async def test_another_chain_is_believed_in_nothing(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_chainId"], server.says["eth_getBalance"] = result("0x1"), result("0x5")
    for ask in (node.check, node.head, lambda: node.balance(ALICE), lambda: node.send(b"raw")):
        with pytest.raises(WrongChain, match="is on chain 1, and Gitex local is 31337"):
            await ask()
    assert server.asked == []
    server.says["eth_chainId"] = result("0x7a69")
    assert await node.balance(ALICE) == 5


async def test_the_chain_is_looked_at_once(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_getBalance"] = result("0x5")
    for _ in range(5):
        await node.balance(ALICE)
    assert server.chain_ids_told == 1


async def test_whoever_answers_on_a_new_connection_is_not_believed_at_once(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_getBalance"] = last_result("0x5")
    assert await node.balance(ALICE) == 5
    server.says["eth_chainId"] = result("0x1")
    with pytest.raises(WrongChain):
        await node.balance(ALICE)
    server.says["eth_getBalance"] = error(-32000, "nonce too low")
    with pytest.raises(WrongChain):
        await node.balance(ALICE)


async def test_after_a_failure_nothing_is_handed_over_before_the_chain_is_looked_at(
    server: RpcServer, node: Web3Node
) -> None:
    await node.check()
    server.says["eth_getBalance"] = hangs_up
    with pytest.raises(Unavailable, match="cannot be reached"):
        await node.balance(ALICE)
    server.says["eth_chainId"] = result("0x1")
    with pytest.raises(WrongChain):
        await node.send(b"raw")
    assert [method for method, _ in server.asked] == ["eth_getBalance"]


async def test_requests_at_once_do_not_ask_for_the_chain_each(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_getBalance"] = result("0x5")
    assert await asyncio.gather(*(node.balance(ALICE) for _ in range(30))) == [5] * 30
    assert await asyncio.gather(*(node.balance(ALICE) for _ in range(30))) == [5] * 30
    assert server.chain_ids_told < 10


async def test_a_sender_without_coins_is_not_a_refusal_of_the_contract(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_estimateGas"] = error(-32000, "insufficient funds for gas * price + value: have 0 want 1")
    with pytest.raises(InsufficientFunds):
        await node.estimate(CALL)


ASKED: dict[str, Callable[[Web3Node], Any]] = {
    "check": lambda node: node.check(),
    "head": lambda node: node.head(),
    "finalized": lambda node: node.finalized(),
    "block_hash": lambda node: node.block_hash(1),
    "nonce": lambda node: node.nonce(ALICE),
    "balance": lambda node: node.balance(ALICE),
    "priority_fee": lambda node: node.priority_fee(),
    "estimate": lambda node: node.estimate(CALL),
    "call": lambda node: node.call(CALL),
    "send": lambda node: node.send(b"raw"),
    "knows": lambda node: node.knows(HASH),
    "inclusion": lambda node: node.inclusion(HASH),
    "logs": lambda node: node.logs(ALICE, [], 0, 1),
}
METHODS = (
    "eth_getBlockByNumber",
    "eth_getTransactionCount",
    "eth_getBalance",
    "eth_maxPriorityFeePerGas",
    "eth_feeHistory",
    "eth_estimateGas",
    "eth_call",
    "eth_sendRawTransaction",
    "eth_getTransactionByHash",
    "eth_getTransactionReceipt",
    "eth_getLogs",
)


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize(
    "shape",
    [None, True, 5, "", "0x", "0xzz", "text", [], {}, [{}], [5], {"number": 5}, {"reward": [[]]}, {"hash": None}],
)
async def test_answers_of_any_shape_become_values_or_errors_of_ours(
    server: RpcServer, node: Web3Node, what: str, shape: object
) -> None:
    server.says |= dict.fromkeys(METHODS, result(shape))
    if what == "check":
        server.says["eth_chainId"] = result(shape)
    nothing_there = what in ("block_hash", "knows", "inclusion") and shape is None
    if nothing_there or what == "knows" or (what, shape) in [("call", "0x"), ("logs", [])]:
        await ASKED[what](node)
        return
    with pytest.raises(Unavailable, match="no answer"):
        await ASKED[what](node)


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize(
    "answer", [(-32000, "something"), (-32601, "no such method"), (-32603, "Internal error"), (3, "execution reverted")]
)
async def test_errors_of_any_kind_become_errors_of_ours(
    server: RpcServer, node: Web3Node, what: str, answer: tuple[int, str]
) -> None:
    server.says |= dict.fromkeys((*METHODS, "eth_chainId") if what == "check" else METHODS, error(*answer))
    if what == "priority_fee":
        assert await node.priority_fee() == 0
        return
    with pytest.raises(GitexError) as raised:
        await ASKED[what](node)
    assert isinstance(raised.value, Unavailable) or what in ("send", "call", "estimate")
    assert isinstance(raised.value, Reverted) == (answer[0] == 3 and what in ("call", "estimate"))
