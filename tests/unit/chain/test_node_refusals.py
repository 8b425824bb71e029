"""What nodes say in errors, in the words of those that we know."""

from typing import Any

import pytest

from chain.abi import Parameter, encode_values
from chain.node import Call
from chain.web3_node import Web3Node
from gitex.errors import Reverted, TransactionRefused, Unavailable
from tests.fakes.rpc_server import RpcServer, error

CALL = Call(to="0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", data=b"\x12\x34")
PAUSED = "0xd93c0665"
REASON = "0x08c379a0" + encode_values([Parameter("", "string")], ["no cats"]).hex()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32000, "already known"),  # geth, BNB Smart Chain, Polygon, reth
        (-32000, "known transaction: 1f2e…"),  # geth before 1.9.23
        (-32000, "AlreadyKnown"),  # Nethermind
        (-32000, "ALREADY_EXISTS: already known"),  # Erigon
        (-32000, "ALREADY_EXISTS"),
        (-32000, "Known transaction"),  # Besu
        (-32003, "transaction already imported"),  # anvil
        (-32010, "Transaction with the same hash was already imported."),  # OpenEthereum
        (-32000, "tx already in mempool"),
    ],
)
async def test_a_transaction_that_is_known_is_sent(server: RpcServer, node: Web3Node, code: int, message: str) -> None:
    server.says["eth_sendRawTransaction"] = error(code, message)
    await node.send(b"raw")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("why", "code", "message"),
    [
        ("nonce_too_low", -32000, "nonce too low"),
        ("nonce_too_low", -32000, "nonce too low: address 0xAb…, tx: 1 state: 5"),
        ("nonce_too_low", -32003, "nonce too low"),
        ("nonce_too_low", -32000, "nonce too low: next nonce 5, tx nonce 4"),
        ("nonce_too_low", -32001, "Nonce too low"),
        ("nonce_too_low", -32000, "OldNonce"),
        ("nonce_too_low", -32000, "OldNonce, Current nonce: 5, nonce of rejected tx: 4"),
        ("nonce_too_low", -32000, "INTERNAL_ERROR: nonce too low"),
        ("nonce_too_low", -32010, "Transaction nonce is too low. Try incrementing the nonce."),
        ("underpriced", -32000, "transaction underpriced"),
        ("underpriced", -32000, "transaction underpriced: gas tip cap 1, minimum needed 25000000000"),
        ("underpriced", -32000, "replacement transaction underpriced"),
        ("underpriced", -32000, "replacement transaction underpriced: new tx gas fee cap 1 <= 2 queued"),
        ("underpriced", -32000, "ReplacementNotAllowed"),
        ("underpriced", -32000, "FeeTooLow"),
        ("underpriced", -32000, "FeeTooLowToCompete"),
        ("underpriced", -32000, "INTERNAL_ERROR: could not replace existing tx"),
        ("underpriced", -32000, "UNDERPRICED"),
        ("underpriced", -32000, "fee cap less than block base fee"),
        ("underpriced", -32003, "max fee per gas less than block base fee"),
        ("underpriced", -32009, "Gas price below configured minimum gas price"),
        ("underpriced", -32000, "gas price too low"),
        ("insufficient_funds", -32000, "insufficient funds for gas * price + value"),
        ("insufficient_funds", -32000, "insufficient funds for gas * price + value: balance 0, tx cost 5, overshot 5"),
        ("insufficient_funds", -32003, "Insufficient funds for gas * price + value"),
        ("insufficient_funds", -32000, "InsufficientFunds, Balance is 0 less than sending value + gas 5"),
        ("insufficient_funds", -32000, "INSUFFICIENT_FUNDS"),
        ("insufficient_funds", -32004, "Upfront cost exceeds account balance"),
        ("insufficient_funds", -32603, "Sender doesn't have enough funds to send tx"),
        ("other", -32000, "nonce too high"),
        ("other", -32000, "exceeds block gas limit"),
        ("other", -32000, "intrinsic gas too low: have 1, want 21000"),
        ("other", -32000, "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)"),
        ("other", -32000, "invalid sender"),
        ("other", -32000, "only replay-protected (EIP-155) transactions allowed over RPC"),
    ],
)
async def test_why_a_transaction_is_not_taken(
    server: RpcServer, node: Web3Node, why: str, code: int, message: str
) -> None:
    server.says["eth_sendRawTransaction"] = error(code, message)
    with pytest.raises(TransactionRefused) as raised:
        await node.send(b"raw")
    assert raised.value.why == why
    assert message in raised.value.message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32000, "txpool is full"),
        (-32005, "daily request count exceeded, request rate limited"),
        (429, "Your app has exceeded its compute units per second capacity"),
        (-32603, "Internal error"),
        (-32601, "the method eth_sendRawTransaction does not exist/is not available"),
        (-32000, "request timed out"),
    ],
)
async def test_a_node_in_trouble_says_nothing_of_the_transaction(
    server: RpcServer, node: Web3Node, code: int, message: str
) -> None:
    server.says["eth_sendRawTransaction"] = error(code, message)
    with pytest.raises(Unavailable):
        await node.send(b"raw")


@pytest.mark.parametrize(
    ("answer", "name", "words"),
    [
        ((3, "execution reverted", PAUSED), "EnforcedPause", "the contract is paused"),  # geth, Erigon
        ((3, "execution reverted: no cats", REASON), "", "refuses the call: no cats"),
        ((3, "execution reverted: custom error 0xd93c0665", PAUSED), "EnforcedPause", "is paused"),  # anvil
        ((3, "execution reverted", "0x"), "", "gives no reason"),
        ((-32000, "execution reverted", None), "", "gives no reason"),  # geth without data
        ((-32000, "execution reverted: no cats", None), "", "refuses the call: no cats"),
        ((-32015, "VM execution error.", f"Reverted {PAUSED}"), "EnforcedPause", "is paused"),  # OpenEthereum
        ((-32015, "VM execution error.", "revert: no cats"), "", "refuses the call: no cats"),  # Nethermind
        ((-32000, "Execution reverted (EnforcedPause)", PAUSED), "EnforcedPause", "the contract is paused"),  # Besu
        ((-32603, "VM Exception while processing transaction: reverted", {"data": PAUSED}), "EnforcedPause", "paused"),
        ((-32603, "Internal JSON-RPC error.", {"originalError": {"data": PAUSED}}), "EnforcedPause", "paused"),
        ((-32000, "invalid opcode: INVALID", None), "", "invalid opcode"),
        ((-32000, "gas required exceeds allowance (30000000)", None), "", "exceeds allowance"),
        ((-32000, "out of gas", None), "", "out of gas"),
    ],
)
async def test_a_revert_is_found_wherever_a_node_puts_it(
    server: RpcServer, node: Web3Node, answer: tuple[int, str, Any], name: str, words: str
) -> None:
    server.says["eth_call"] = server.says["eth_estimateGas"] = error(*answer)
    for ask in (node.call, node.estimate):
        with pytest.raises(Reverted) as raised:
            await ask(CALL)
        assert raised.value.error == name
        assert words in raised.value.message


@pytest.mark.parametrize(
    "message", ["missing trie node", "header not found", "execution aborted (timeout = 5s)", "nope"]
)
async def test_a_call_that_a_node_cannot_make_is_no_revert(server: RpcServer, node: Web3Node, message: str) -> None:
    server.says["eth_call"] = error(-32000, message)
    with pytest.raises(Unavailable, match="does not answer eth_call"):
        await node.call(CALL)
