"""Asks a JSON-RPC server over HTTP, and says what went wrong in our own words: the address is never among them."""

from typing import Any

import aiohttp
from web3 import AsyncWeb3
from web3.exceptions import ContractLogicError, RequestTimedOut, Web3Exception, Web3RPCError
from web3.types import RPCEndpoint

from chain.endpoint import Endpoint
from chain.rpc_provider import BadStatus, RpcProvider
from gitex.errors import Unavailable

METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32601, -32602, -32603
LIMIT_EXCEEDED = -32005
REVERTED = 3
"""What geth and most others say with revert data."""

FAILURES = (
    Web3Exception,
    aiohttp.ClientError,
    OSError,  # timeouts too
    ValueError,  # no JSON, no text
    RuntimeError,  # JSON that is nested too deeply; a session that was closed meanwhile
    BadStatus,
)
"""All that asking can raise."""


class ErrorAnswer(Exception):
    """The server was reached and says no: a JSON-RPC error object. Never leaves this room."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        """Fit to be repeated, see `Endpoint.quoted`."""
        self.data = data


class JsonRpc:
    """One server. One request at a time or many; it neither tries again nor remembers answers."""

    def __init__(self, url: str, *, what: str, timeout_s: float) -> None:
        """`what` it is, as in "node", for messages. `timeout_s`: for a whole request with its answer."""
        self._endpoint = Endpoint(url)
        self._provider = RpcProvider(self._endpoint, timeout_s)
        # Middleware would change estimates, ask for names, and refuse blocks of chains that are not Ethereum.
        self._web3: AsyncWeb3[Any] = AsyncWeb3(self._provider, middleware=[])
        self._timeout_s = timeout_s
        self.name = f"the {what} at {self._endpoint.shown}"
        """For messages."""

    def __repr__(self) -> str:
        return f"<JSON-RPC: {self.name}>"

    @property
    def connections(self) -> int:
        """How many connections were made so far."""
        return self._provider.connections

    async def ask(self, method: str, *params: object) -> object:
        """The result, as JSON has it.

        Raises `ErrorAnswer`, and `Unavailable` if no answer comes in time, or what comes is none.
        """
        try:
            return await self._web3.manager.coro_request(RPCEndpoint(method), list(params))
        except FAILURES as problem:
            # Not chained: addresses and whole answers stand in what the libraries say.
            raise self.translated(problem) from None

    async def close(self) -> None:
        """Nothing can be asked afterwards."""
        await self._provider.disconnect()

    def no_answer(self, method: str) -> Unavailable:
        """For a result that is none of that method's."""
        return Unavailable(f"{self.name} answers {method} with what is no answer")

    def refusal(self, method: str, answer: ErrorAnswer) -> Unavailable:
        """For an error where none is expected."""
        return Unavailable(f"{self.name} does not answer {method}: {answer}")

    def translated(self, problem: Exception) -> Unavailable | ErrorAnswer:
        """One of `FAILURES` in our words."""
        match problem:
            case RequestTimedOut():
                pass
            case Web3RPCError(rpc_response={"error": {"code": int(code), "message": str(message), **rest}}):
                return ErrorAnswer(code, self._endpoint.quoted(message), rest.get("data"))
            case ContractLogicError():
                return ErrorAnswer(REVERTED, self._endpoint.quoted(problem.message or ""), problem.data)
        return Unavailable(f"{self.name} {_words(problem, self._timeout_s)}")


def _words(problem: Exception, timeout_s: float) -> str:
    match problem:
        case TimeoutError():
            words = f"does not answer within {timeout_s:g} s"
        case RequestTimedOut():
            words = "says that the request took it too long"
        case BadStatus(status=429):
            words = "wants to be asked less often"
        case BadStatus(status=401 | 403):
            words = f"lets nobody in with this address (HTTP status {problem.status})"
        case BadStatus():
            words = f"answers with HTTP status {problem.status}"
        case aiohttp.ClientPayloadError():
            words = "breaks off in the middle of its answer, or does not end it"
        case aiohttp.ClientError() | OSError():
            words = f"cannot be reached ({type(problem).__name__})"
        case _:
            words = f"answers what is no answer ({type(problem).__name__})"
    return words
