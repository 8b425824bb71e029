"""web3's HTTP provider without what it does too much: it logs whole addresses, tries again, and takes any answer."""

import asyncio
from typing import Any, cast

import aiohttp
from web3 import AsyncHTTPProvider
from web3.exceptions import BadResponseFormat
from web3.types import RPCEndpoint, RPCResponse

from chain.endpoint import Endpoint

MAX_ANSWER_BYTES = 64 * 2**20
_CHUNK_BYTES = 64 * 2**10
_NO_ANSWER = (401, 403, 429)
"""Statuses of whoever stands before the node: what comes with them is not the node's."""


class BadStatus(Exception):
    """An HTTP status that says that there is no answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status


class RpcProvider(AsyncHTTPProvider):
    """One session of its own, made at the first request. Raises web3's and aiohttp's exceptions, and `BadStatus`."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        # The base class shows its address in many places, so it gets the part that may be shown.
        super().__init__(endpoint.shown, exception_retry_configuration=None)
        self._endpoint = endpoint
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self.connections = 0
        """How many were made so far: whoever answers on a new one may be somebody else."""

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        request = self.form_request(method, params)
        status, body = await self._post(self.encode_rpc_dict(request))
        if status in _NO_ANSWER:
            raise BadStatus(status)
        try:
            return self._checked(self.decode_rpc_response(body), request["id"])
        except (ValueError, BadResponseFormat):
            if status != 200:  # some say errors of theirs with one
                raise BadStatus(status) from None
            raise

    async def disconnect(self) -> None:
        """Close the session; nothing can be asked afterwards."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()
            await asyncio.sleep(0)  # the transports' own ends

    async def _post(self, data: bytes) -> tuple[int, bytes]:
        if self._closed:
            raise aiohttp.ClientConnectionError("closed")
        if self._session is None:
            self._session = self._new_session()
        # A redirect would hand a signed transaction to somebody else.
        async with self._session.post(
            self._endpoint.secret_url, data=data, headers=self.get_request_headers(), allow_redirects=False
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise aiohttp.ClientPayloadError("too long")
            return response.status, bytes(body)

    def _new_session(self) -> aiohttp.ClientSession:
        async def count(*_: object) -> None:
            self.connections += 1

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(count)
        return aiohttp.ClientSession(
            timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[trace], trust_env=False
        )

    def _checked(self, response: object, request_id: object) -> RPCResponse:
        """web3 looks at everything but whose answer it is."""
        if not isinstance(response, dict):
            raise BadResponseFormat("no JSON object")
        if "result" in response and response.get("error", ...) is None:  # as JSON-RPC 1 has it
            del response["error"]
        of_nobody = response.get("id") is None and "error" in response
        if not of_nobody and str(response.get("id")) != str(request_id):
            raise BadResponseFormat("the answer to another request")
        if "error" in response:
            response["error"] = self._without_secrets(response["error"])
        return cast(RPCResponse, response)

    def _without_secrets(self, said: Any) -> Any:
        """Some repeat the address, or the key in it, and web3 logs errors whole. Revert data stays what it is."""
        if isinstance(said, dict):
            return {name: self._without_secrets(value) for name, value in said.items()}
        if isinstance(said, list):
            return [self._without_secrets(value) for value in said]
        if isinstance(said, str) and not said.removeprefix("Reverted ").startswith("0x"):
            return self._endpoint.quoted(said)
        return said
