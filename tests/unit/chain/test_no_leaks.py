"""Keys, passwords and addresses with access keys in them are shown nowhere."""

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from pydantic import SecretStr

from chain.dev_keys import MNEMONIC, dev_keys
from chain.endpoint import Endpoint
from chain.external_signer import open_external_signer
from chain.held_keys import HeldKey
from chain.json_rpc import JsonRpc
from chain.keystore import open_keystores
from chain.node import Call
from chain.rpc_provider import RpcProvider
from chain.web3_node import Web3Node
from configs.chains import LOCAL_CHAIN_ID, load_chain
from configs.settings import Settings, describe_settings
from gitex.errors import GitexError
from tests.fakes.rpc_server import (
    SECRET,
    Behaviour,
    RpcServer,
    another_id,
    breaks_off,
    error,
    hangs,
    hangs_up,
    redirects,
    result,
    sends,
)
from tests.fakes.signing_examples import TRANSACTION, TYPED_DATA
from tests.fakes.signing_server import KEY, SIGNER, is_web3signer

PASSWORD = "correct horse battery"
ALICE = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
SECRETS = (SECRET, PASSWORD, KEY.hex(), repr(KEY), str(int.from_bytes(KEY)), MNEMONIC)


def shown(problem: BaseException) -> str:
    """All that a person may see of it, and of what was behind it, shown or not."""
    seen: list[BaseException] = []
    text = "".join(traceback.format_exception(problem)) + repr(problem) + repr(vars(problem))
    following: BaseException | None = problem
    while following is not None and following not in seen:
        seen.append(following)
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return text + "".join(f"{item!r}{item}{item.args}" for item in seen)


def assert_nothing_in(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text, f"{secret[:6]}… is shown"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Of everybody, as chatty as they get."""
    caplog.set_level(logging.DEBUG)
    for name in ("gitex", "web3", "aiohttp", "asyncio", "eth_account", "urllib3"):
        caplog.set_level(logging.DEBUG, name)
    return caplog


def keystore(folder: Path) -> Path:
    path = folder / "minter.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=2)))
    return path


async def problem_of(asked: Awaitable[object]) -> BaseException:
    with pytest.raises(GitexError) as raised:
        await asked
    return raised.value


def patience(behaviour: Behaviour) -> float:
    """Seconds: what hangs is waited for."""
    return 1 if behaviour is hangs else 10


BAD_DAYS: list[Behaviour] = [
    sends(f"<html>{SECRET}</html>".encode()),
    sends(SECRET.encode(), status="401 Unauthorized"),
    sends(SECRET.encode(), status="429 Too Many Requests"),
    sends(SECRET.encode(), status="500 Internal Server Error"),
    error(-32000, f"project {SECRET} is over its limit"),
    error(3, f"execution reverted: {SECRET}"),
    error(-32000, f"insufficient funds of {SECRET}"),
    error(-32000, "x", SECRET),
    result(SECRET),
    result({"number": SECRET}),
    another_id,
    redirects,
    breaks_off,
    hangs_up,
    hangs,
]


@pytest.mark.parametrize("behaviour", BAD_DAYS)
async def test_a_nodes_address_is_in_no_error_and_no_log(
    server: RpcServer, log: pytest.LogCaptureFixture, behaviour: Behaviour
) -> None:
    node = Web3Node(server.url, load_chain("local"), timeout_s=patience(behaviour))
    await node.check()
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "eth_getBalance": lambda: node.balance(ALICE),
        "eth_call": lambda: node.call(Call(ALICE, b"")),
        "eth_estimateGas": lambda: node.estimate(Call(ALICE, b"")),
        "eth_sendRawTransaction": lambda: node.send(b"raw"),
        "eth_getLogs": lambda: node.logs(ALICE, [], 0, 1),
        "eth_getBlockByNumber": node.head,
        "eth_chainId": node.check,
    }
    if behaviour is hangs:
        asked = {"eth_getBalance": asked["eth_getBalance"]}
    for method, ask in asked.items():
        server.says[method] = behaviour
        assert_nothing_in(shown(await problem_of(ask())))
    await node.close()
    assert any(record.name.startswith("web3") for record in log.records), "web3 has logged something"
    assert_nothing_in(log.text)


async def test_good_days_of_a_node_leave_no_address_in_the_log(
    server: RpcServer, node: Web3Node, log: pytest.LogCaptureFixture
) -> None:
    server.says["eth_getBalance"] = result("0x5")
    await node.balance(ALICE)
    await node.close()
    assert "eth_getBalance" in log.text
    assert_nothing_in(log.text + repr(node) + str(node) + repr(node.__dict__))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"https://node.example/v3/{SECRET}", "https://node.example"),
        (f"https://node.example:8443/?apikey={SECRET}&x=1", "https://node.example:8443"),
        (f"https://user:{SECRET}@node.example/", "https://node.example"),
        (f"https://{SECRET}@node.example/", "https://node.example"),
        (f"http://[::1]:8545/{SECRET}", "http://[::1]:8545"),
        ("https://node.example/%73%33cr3t-k3y-of-the-rpc", "https://node.example"),
    ],
)
def test_of_an_address_scheme_host_and_port_may_be_told(url: str, told: str) -> None:
    rpc = JsonRpc(url, what="node", timeout_s=1)
    assert rpc.name == f"the node at {told}"
    endpoint = Endpoint(url)
    provider = RpcProvider(endpoint, 1)
    assert_nothing_in(str(provider) + repr(vars(provider)))
    assert_nothing_in(repr(endpoint) + str(endpoint) + endpoint.quoted(f"your key {SECRET} is {url}") + repr(rpc))
    with pytest.raises(TypeError):
        pickle.dumps(endpoint)


async def test_keys_are_in_no_text_and_no_pickle(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    signer = await open_keystores([keystore(tmp_path)], SecretStr(PASSWORD), LOCAL_CHAIN_ID)
    await signer.sign_transaction(SIGNER.address, TRANSACTION)
    await signer.sign_typed_data(SIGNER.address, TYPED_DATA)
    things: list[Any] = [signer, dev_keys(load_chain("local")), HeldKey(KEY)]
    for thing in things:
        assert_nothing_in(repr(thing) + str(thing) + f"{thing}" + repr(getattr(thing, "__dict__", "")))
        for leave in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not written anywhere") as raised:
                leave(thing)
            assert_nothing_in(shown(raised.value))
    assert_nothing_in(log.text)


async def test_keys_and_passwords_are_in_no_error(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    path = keystore(tmp_path)
    signer = await open_keystores([path], SecretStr(PASSWORD), LOCAL_CHAIN_ID)
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"version": 3, "crypto": KEY.hex()}))
    problems = [
        await problem_of(open_keystores([path], SecretStr(f"{PASSWORD}?"), LOCAL_CHAIN_ID)),
        await problem_of(open_keystores([broken], SecretStr(PASSWORD), LOCAL_CHAIN_ID)),
        await problem_of(open_keystores([path, path], SecretStr(PASSWORD), LOCAL_CHAIN_ID)),
        await problem_of(signer.sign_transaction(ALICE, TRANSACTION)),
    ]
    with pytest.raises(ValueError, match="no typed data") as raised:
        await signer.sign_typed_data(SIGNER.address, TYPED_DATA | {"types": {}})
    with pytest.raises(TypeError) as unfit:
        HeldKey(KEY).sign_transaction(dataclasses.replace(TRANSACTION, gas="much"))  # type: ignore[arg-type]
    for problem in [*problems, raised.value, unfit.value]:
        assert_nothing_in(shown(problem))
    assert_nothing_in(log.text)


@pytest.mark.parametrize("behaviour", BAD_DAYS)
async def test_a_signers_address_is_in_no_error_and_no_log(
    server: RpcServer, log: pytest.LogCaptureFixture, behaviour: Behaviour
) -> None:
    is_web3signer(server)
    signer = await open_external_signer(server.url, timeout_s=patience(behaviour))
    await signer.sign_transaction(SIGNER.address, TRANSACTION)
    assert_nothing_in(repr(signer) + str(signer) + repr(signer.__dict__))
    with pytest.raises(TypeError):
        pickle.dumps(signer)
    for method in ("eth_accounts", "eth_signTransaction", "eth_signTypedData", "eth_signTypedData_v4"):
        server.says[method] = behaviour
    assert_nothing_in(shown(await problem_of(signer.sign_transaction(SIGNER.address, TRANSACTION))))
    if behaviour is not hangs:
        assert_nothing_in(shown(await problem_of(signer.sign_typed_data(SIGNER.address, TYPED_DATA))))
        assert_nothing_in(shown(await problem_of(open_external_signer(server.url, timeout_s=5))))
    assert_nothing_in(log.text)


def test_settings_show_neither_addresses_nor_passwords(tmp_path: Path) -> None:
    given = {
        "GITEX_DATA_DIR": str(tmp_path),
        "GITEX_CHAIN_RPC_URL": f"https://node.example/v3/{SECRET}",
        "GITEX_CHAIN_KEYSTORE_PASSWORD": PASSWORD,
        "GITEX_CHAIN_SIGNER_URL": f"https://signer.example/{SECRET}",
    }
    assert_nothing_in(repr(describe_settings(given, tmp_path / "none")))
    fields = {name.removeprefix("GITEX_").lower(): value for name, value in given.items()}
    settings = Settings(**fields)  # type: ignore[arg-type]
    assert_nothing_in(repr(settings) + str(settings))
    for bad in ({"GITEX_CHAIN_RPC_URL": f"ftp://node/{SECRET}"}, {"GITEX_CHAIN_SIGNER_URL": SECRET}):
        with pytest.raises(GitexError) as raised:
            describe_settings(given | bad, tmp_path / "none")
        assert_nothing_in(str(raised.value))
