"""Keys that somebody else holds: a signer behind JSON-RPC, such as Web3Signer or clef. Nothing it says is believed."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from pydantic import SecretStr

from chain import rpc_answers
from chain.json_rpc import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, ErrorAnswer, JsonRpc
from chain.signer import SignedTransaction, UnsignedTransaction
from chain.signing_forms import checked_signature, checked_transaction, transaction_json, typed_data_json
from gitex.errors import SettingsError, Unavailable

_URL = "GITEX_CHAIN_SIGNER_URL"
SIGNER_TIMEOUT_S = 30.0
"""For each question: some ask a person, or a machine far away."""


@dataclass(frozen=True)
class _Dialect:
    """What a signer calls its methods, and the forms that it may take typed data in."""

    accounts: str
    transaction: str
    typed_data: tuple[tuple[str, Literal["object", "text"]], ...]


_DIALECTS = (
    # Web3Signer has `eth_signTypedData` only, and wants the data as a text; anvil and others have both.
    _Dialect(
        "eth_accounts",
        "eth_signTransaction",
        (("eth_signTypedData_v4", "object"), ("eth_signTypedData", "text"), ("eth_signTypedData", "object")),
    ),
    _Dialect("account_list", "account_signTransaction", (("account_signTypedData", "object"),)),  # clef
)


async def open_external_signer(url: str, *, timeout_s: float = SIGNER_TIMEOUT_S) -> "ExternalSigner":
    """Ask it for its addresses. Raises `Unavailable`, and `SettingsError` if it has none or refuses to tell."""
    rpc = JsonRpc(url, what="signer", timeout_s=timeout_s)
    try:
        dialect, answer = await _introduced(rpc)
    except ErrorAnswer as error:
        raise _refusal(rpc, error) from None
    finally:
        await rpc.close()
    addresses = _addresses(answer, rpc)
    if not addresses:
        raise SettingsError(f"{_URL}: {rpc.name} has no keys", param=_URL)
    return ExternalSigner(SecretStr(url), dialect, addresses, timeout_s)


class ExternalSigner:
    """Made by `open_external_signer`. Has no connection between two questions, so there is nothing to close."""

    def __init__(self, url: SecretStr, dialect: _Dialect, addresses: tuple[str, ...], timeout_s: float) -> None:
        self._url = url
        self._dialect = dialect
        self._addresses = addresses
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"<signer of {', '.join(self._addresses)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer is opened where it is used")

    @property
    def addresses(self) -> tuple[str, ...]:
        return self._addresses

    async def sign_transaction(self, address: str, transaction: UnsignedTransaction) -> SignedTransaction:
        rpc = self._rpc()
        try:
            answer = await rpc.ask(self._dialect.transaction, transaction_json(address, transaction))
        except ErrorAnswer as error:
            raise _refusal(rpc, error) from None
        finally:
            await rpc.close()
        raw = answer.get("raw") if isinstance(answer, dict) else answer  # clef says it in both forms
        try:
            return await asyncio.to_thread(checked_transaction, rpc_answers.data(raw), address, transaction)
        except ValueError as problem:
            raise Unavailable(f"{rpc.name} does not sign what it is asked to: {problem}") from None

    async def sign_typed_data(self, address: str, typed_data: Mapping[str, Any]) -> bytes:
        rpc = self._rpc()
        try:
            answer = await self._typed_data_answer(rpc, address, typed_data_json(typed_data))
        except ErrorAnswer as error:
            raise _refusal(rpc, error) from None
        finally:
            await rpc.close()
        try:
            return await asyncio.to_thread(checked_signature, rpc_answers.data(answer), address, typed_data)
        except ValueError as problem:
            raise Unavailable(f"{rpc.name} does not sign what it is asked to: {problem}") from None

    async def _typed_data_answer(self, rpc: JsonRpc, address: str, data: dict[str, Any]) -> object:
        """In the first form that it takes. Raises `ErrorAnswer`: the last form's, or one about something else."""
        *others, last = self._dialect.typed_data
        for method, form in others:
            try:
                return await rpc.ask(method, address, data if form == "object" else json.dumps(data))
            except ErrorAnswer as error:
                if error.code not in (METHOD_NOT_FOUND, INVALID_PARAMS):
                    raise
        method, form = last
        return await rpc.ask(method, address, data if form == "object" else json.dumps(data))

    def _rpc(self) -> JsonRpc:
        return JsonRpc(self._url.get_secret_value(), what="signer", timeout_s=self._timeout_s)


async def _introduced(rpc: JsonRpc) -> tuple[_Dialect, object]:
    """How it speaks, and its accounts. Raises `ErrorAnswer`."""
    usual, clef = _DIALECTS
    try:
        return usual, await rpc.ask(usual.accounts)
    except ErrorAnswer as error:
        if error.code != METHOD_NOT_FOUND:
            raise
    return clef, await rpc.ask(clef.accounts)


def _addresses(answer: object, rpc: JsonRpc) -> tuple[str, ...]:
    try:
        if not isinstance(answer, list):
            raise ValueError("not a list")
        return tuple(rpc_answers.address(item) for item in answer)
    except ValueError:
        raise Unavailable(f"{rpc.name} does not tell its addresses") from None


def _refusal(rpc: JsonRpc, error: ErrorAnswer) -> SettingsError | Unavailable:
    """A person has to mend what a signer refuses; what it fails at it may do later."""
    if error.code == INTERNAL_ERROR:
        return Unavailable(f"{rpc.name} fails: {error}")
    return SettingsError(f"{_URL}: {rpc.name} refuses: {error}", param=_URL)
