"""One call to an IPFS node through `ipfshttpclient`, over a connection of its own that can be cut from outside.

The library is synchronous, and its timeouts start anew with every byte: a node that drips bytes would hold a thread
for ever. Cutting the connection ends the call wherever it stands. A fresh connection also never meets a node that has
been started again since the last call, which a kept one would, and a POST must not be tried twice.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import ipfshttpclient
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from gitex.errors import SettingsError, Unavailable
from storage.ipfs.kubo_errors import KNOWN, AnswerTooLong, translated

MAX_ANSWER_BYTES = 4 * 2**20
"""Longer than any block and any answer that is asked for."""

_SENT_AT_ONCE = 256 * 1024
T = TypeVar("T")


class KuboCall:
    """Made on the event loop, run once in a thread. `address` is a multiaddr; times in seconds."""

    def __init__(self, address: str, *, connect_s: float, silence_s: float) -> None:
        self._address, self._connect_s, self._silence_s = address, connect_s, silence_s
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []
        self._is_cut = False

    def run(self, work: Callable[[Any], T]) -> T:
        """What `work` makes of an `ipfshttpclient.Client`. Raise `Unavailable`, `NodeRefused`, `SettingsError`."""
        if self._is_cut:
            raise _given_up()
        try:
            client = ipfshttpclient.Client(
                self._address, session=True, chunk_size=_SENT_AT_ONCE, timeout=(self._connect_s, self._silence_s)
            )
            with _session(client) as session:
                _prepare(session, self)
                return work(client)
        except KNOWN as problem:
            raise translated(problem) from problem
        finally:
            self._hang_up()

    def cut(self) -> None:
        """End the call now, or as soon as it has a connection. May be called from any thread, and again."""
        with self._lock:
            self._is_cut = True
            for line in self._lines:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def hold(self, line: socket.socket) -> None:
        """Take note of a connection that was made. Raise `Unavailable` if the call was cut meanwhile."""
        line.settimeout(self._silence_s)
        with self._lock:
            if self._is_cut:
                line.close()
                raise _given_up()
            # A second handle to the same connection: TLS takes the first one away.
            self._lines.append(line.dup())

    def _hang_up(self) -> None:
        with self._lock:
            for line in self._lines:
                line.close()
            self._lines.clear()


def _given_up() -> Unavailable:
    return Unavailable("the call to the IPFS node was given up")


def _session(client: Any) -> requests.Session:
    """The `requests` session below a client. The library has no other way to reach it."""
    session = client._client._session
    if not isinstance(session, requests.Session):
        raise SettingsError("PY_IPFS_HTTP_CLIENT_PREFER_HTTPX must be unset: it replaces what bounds the calls")
    return session


def _prepare(session: requests.Session, call: KuboCall) -> None:
    # Else the address family stands in the scheme of the URL, for connections of the library's own kind.
    session.__dict__["family"] = socket.AF_UNSPEC
    # The RPC administrates the node: it is asked directly, with no proxy or password from the environment.
    session.trust_env = False
    session.max_redirects = 0
    session.hooks["response"].append(_refuse_length)
    adapter = _HeldAdapter(call)
    session.mount("http://", adapter)
    session.mount("https://", adapter)


def _refuse_length(response: requests.Response, *_: object, **__: object) -> None:
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_ANSWER_BYTES:
        response.close()
        raise AnswerTooLong(f"{length} bytes")


class _HeldAdapter(HTTPAdapter):
    """Tells the call of every connection that is made for it."""

    def __init__(self, call: KuboCall) -> None:
        self._call = call
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._call)


def _pools(call: KuboCall) -> dict[str, type[HTTPConnectionPool]]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            line = super()._new_conn()
            call.hold(line)
            return line

    class SecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            line = super()._new_conn()
            call.hold(line)
            return line

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}
