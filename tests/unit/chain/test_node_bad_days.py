"""A node that answers badly, slowly, or not at all."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import aiohttp
import pytest
from web3.exceptions import ContractLogicError, Web3Exception, Web3RPCError

from chain.json_rpc import FAILURES, ErrorAnswer, JsonRpc
from chain.rpc_provider import MAX_ANSWER_BYTES
from chain.web3_node import Web3Node
from configs.catalog import REPOSITORY
from configs.chains import load_chain
from gitex.errors import TransactionRefused, Unavailable
from tests.fakes.ports import free_port
from tests.fakes.rpc_server import (
    Behaviour,
    Question,
    RpcServer,
    another_id,
    babbles,
    breaks_off,
    drips,
    error,
    hangs,
    hangs_up,
    redirects,
    replies,
    result,
    sends,
)

ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ROOTS: list[type[BaseException]] = [Web3Exception, aiohttp.ClientError, TimeoutError, ConnectionError, ValueError]


def reply(**fields: object) -> Behaviour:
    return replies(lambda question: {"jsonrpc": "2.0", "id": question.id} | fields)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (sends(b"<html><body>Bad gateway</body></html>"), "no answer"),
        (sends(b"<html>", status="502 Bad Gateway"), "HTTP status 502"),
        (sends(b"", status="500 Internal Server Error"), "HTTP status 500"),
        (sends(b"", status="204 No Content"), "HTTP status 204"),
        (sends(b"slow down", status="429 Too Many Requests"), "less often"),
        (error(-32005, "slow down", status="429 Too Many Requests"), "less often"),
        (sends(b"{}", status="401 Unauthorized"), "lets nobody in"),
        (error(1, "invalid project id", status="403 Forbidden"), "lets nobody in"),
        (sends(b""), "no answer"),
        (sends(b"\xff\xfe"), "no answer"),
        (sends(b'{"jsonrpc": "2.0", "id": 0, "res'), "no answer"),
        (sends(b"[]"), "no answer"),
        (sends(b"null"), "no answer"),
        (sends(b'"text"'), "no answer"),
        (sends(b'{"jsonrpc": "2.0", "result": "0x5"}'), "no answer"),
        (another_id, "no answer"),
        (reply(), "no answer"),
        (reply(result="0x5", jsonrpc="1.0"), "no answer"),
        (reply(result="0x5", error={"code": 1, "message": "both"}), "no answer"),
        (reply(error="text"), "no answer"),
        (reply(error=None), "no answer"),
        (reply(error={}), "no answer"),
        (reply(error={"code": "1", "message": "m"}), "no answer"),
        (reply(error={"code": 1, "message": None}), "no answer"),
        (redirects, "HTTP status 307"),
        (babbles, "cannot be reached"),
        (hangs_up, "cannot be reached"),
        (breaks_off, "breaks off"),
        (error(-32000, "request timed out"), "took it too long"),
        (error(-32000, "no\nsuch\tluck"), "no such luck .-32000."),
    ],
)
async def test_an_answer_that_is_none(server: RpcServer, node: Web3Node, behaviour: Behaviour, words: str) -> None:
    server.says["eth_getBalance"] = behaviour
    with pytest.raises(Unavailable, match=words) as raised:
        await node.balance(ALICE)
    assert server.base in raised.value.message
    assert len(server.asked) == 1, "nothing is tried again"
    server.says["eth_getBalance"] = result("0x5")
    assert await node.balance(ALICE) == 5


@pytest.mark.parametrize("behaviour", [hangs, drips])
async def test_a_time_limit_holds_for_the_whole_answer(server: RpcServer, behaviour: Behaviour) -> None:
    node = Web3Node(server.url, load_chain("local"), timeout_s=1)
    await node.check()
    server.says["eth_getBalance"] = behaviour
    began = time.monotonic()
    with pytest.raises(Unavailable, match="within 1 s"):
        await node.balance(ALICE)
    assert time.monotonic() - began < 4
    await node.close()


async def test_an_error_object_counts_whatever_its_http_status(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_sendRawTransaction"] = error(-32000, "nonce too low", status="400 Bad Request")
    with pytest.raises(TransactionRefused, match="nonce too low"):
        await node.send(b"raw")


async def test_the_empty_error_of_older_servers_is_none(server: RpcServer, node: Web3Node) -> None:
    server.says["eth_getBalance"] = reply(result="0x5", error=None)
    assert await node.balance(ALICE) == 5


async def test_an_answer_without_end_is_not_read_to_its_end(server: RpcServer, node: Web3Node) -> None:
    async def floods(question: Question) -> None:
        await question.send(f"HTTP/1.1 200 OK\r\ncontent-length: {10 * MAX_ANSWER_BYTES}\r\n\r\n".encode())
        while True:
            await question.send(b" " * 2**20)

    server.says["eth_getBalance"] = floods
    with pytest.raises(Unavailable, match="does not end it"):
        await node.balance(ALICE)


async def test_nobody_there_and_no_such_host() -> None:
    for url in (f"http://127.0.0.1:{free_port()}/key", "http://[::1]:1/key", "https://127.0.0.1:1/key"):
        node = Web3Node(url, load_chain("local"), timeout_s=10)
        with pytest.raises(Unavailable, match="cannot be reached"):
            await node.check()
        await node.close()


async def _asking(server: RpcServer, node: Web3Node) -> asyncio.Task[int]:
    """A request that the server has and does not answer."""
    heard = asyncio.Event()

    async def hears(question: Question) -> None:
        heard.set()
        await hangs(question)

    server.says["eth_getBalance"] = hears
    asking = asyncio.create_task(node.balance(ALICE))
    await heard.wait()
    return asking


async def test_a_closed_node_says_so_and_can_be_closed_again(server: RpcServer, node: Web3Node) -> None:
    asking = await _asking(server, node)
    await node.close()
    await node.close()
    for late in (asking, node.balance(ALICE)):
        with pytest.raises(Unavailable):
            await late


async def test_a_request_that_is_given_up_leaves_the_node_usable(server: RpcServer, node: Web3Node) -> None:
    asking = await _asking(server, node)
    asking.cancel()
    await asyncio.wait([asking])
    server.says["eth_getBalance"] = result("0x5")
    assert await node.balance(ALICE) == 5


def test_deeply_nested_json_ends_no_process_that_imports_the_libraries() -> None:
    program = (
        "import json, chain.keystore, chain.web3_node\n"
        "try: json.loads('[' * 200_000)\n"
        "except RecursionError: print('refused')"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=REPOSITORY)
    assert (ran.returncode, ran.stdout) == (0, "refused\n")


def _tree(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


TREES = {root: list(dict.fromkeys(_tree(root))) for root in ROOTS}
"""As they were before tests made subclasses of their own."""


def _made(kind: type[BaseException]) -> Exception:
    """One of that kind, without what the constructor and the text of each kind need."""
    told = type(kind.__name__, (kind,), {"__str__": lambda _: "s3cr3t", "message": "m", "data": None})
    made = told.__new__(told)
    assert isinstance(made, Exception)
    return made


@pytest.mark.parametrize("root", [Web3Exception, aiohttp.ClientError, TimeoutError, ConnectionError])
def test_every_exception_of_the_libraries_becomes_ours(root: type[BaseException]) -> None:
    rpc = JsonRpc("http://node.example/s3cr3t", what="node", timeout_s=1)
    assert len(TREES[root]) > 2
    for kind in TREES[root]:
        assert issubclass(kind, FAILURES), kind
        problem = rpc.translated(_made(kind))
        assert isinstance(problem, Unavailable | ErrorAnswer), kind
        assert "s3cr3t" not in str(problem)
        assert isinstance(problem, ErrorAnswer) == issubclass(kind, ContractLogicError), kind


def test_what_decoding_and_sessions_raise_becomes_ours() -> None:
    rpc = JsonRpc("http://node.example/", what="node", timeout_s=1)
    problems = [json.JSONDecodeError("m", "d", 0), UnicodeDecodeError("utf-8", b"", 0, 1, "m"), RecursionError()]
    for problem in [*problems, RuntimeError("Session is closed"), ValueError("m"), OSError(5, "m")]:
        assert isinstance(problem, FAILURES)
        assert isinstance(rpc.translated(problem), Unavailable)


def test_every_error_answer_of_the_library_keeps_what_the_node_said() -> None:
    rpc = JsonRpc("http://node.example/", what="node", timeout_s=1)
    for kind in TREES[Web3Exception]:
        if issubclass(kind, Web3RPCError) and kind.__name__ != "RequestTimedOut":
            said = {"code": -1, "message": "words", "data": "0x12"}
            answer = rpc.translated(kind("m", rpc_response={"error": said}))  # type: ignore[arg-type]
            assert isinstance(answer, ErrorAnswer)
            assert (answer.code, answer.message, answer.data) == (-1, "words", "0x12")
