"""The way to a Redis that may be slow, full, gone or mad: every call has a budget, and a broken one is left alone."""

import asyncio
import logging
from typing import Literal

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gitex.errors import Unavailable
from gitex.metrics import CACHE_DEGRADED, CACHE_FAILURES
from gitex.ports import Clock, Recorder
from storage.circuit import Circuit

log = logging.getLogger("gitex.storage")
# One event loop does not keep more connections busy than these.
CONNECTIONS = 8
# What a request waits for a read at most, connecting included.
READ_SECONDS = 0.02
PROBE_SECONDS = 1.0

Operation = Literal["read", "write", "claim", "renew", "land", "release", "check"]
Reason = Literal["slow", "gone", "full", "refused", "garbage"]


def client_for(url: str, connections: int) -> Redis:
    """A client that asks once: no retries, and nothing said at connecting but what the URL asks for."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=None,
        protocol=2,
        driver_info=None,
        retry=Retry(NoBackoff(), 0),
        # Every caller has its own, tighter budget.
        socket_timeout=None,
        socket_connect_timeout=None,
    )
    return Redis.from_pool(pool)


class RedisLink:
    """Asks one Redis. All that goes wrong is `Unavailable`, within the call's budget.

    While the server does not answer, or answers nonsense, no call goes out: a task looks now and then whether it is
    back. An answered refusal (no memory, no permission) fails only its own call, since reads may still work.
    """

    def __init__(self, url: str, recorder: Recorder, clock: Clock, read_s: float = READ_SECONDS) -> None:
        self.read_s = read_s
        self._client = client_for(url, CONNECTIONS)
        self._recorder = recorder
        self._circuit = Circuit(clock)
        self._refusal: str | None = None
        self._probing: asyncio.Task[None] | None = None

    @property
    def problem(self) -> str | None:
        """What keeps requests from using it; None while it is well."""
        return self._circuit.problem or self._refusal

    async def ask(self, operation: Operation, seconds: float, *command: str | bytes | int) -> object:
        """One command, one round trip. Raises `Unavailable`, after `seconds` at most."""
        if self._circuit.problem is not None:
            self._count(operation, "skipped")
            raise Unavailable(self._circuit.problem)
        try:
            async with asyncio.timeout(seconds):
                answer = await self._execute(*command)
        except Exception as error:  # whatever a broken server makes the client raise
            raise Unavailable(self._failed(operation, error)) from error
        if operation in ("write", "check") and self._refusal is not None:
            self._refusal = None
            self._tell()
        return answer

    def distrust(self, operation: Operation) -> None:
        """Count an answer that is no answer of ours."""
        self._count(operation, "garbage")

    async def check(self) -> None:
        """Raise `Unavailable` if requests cannot read from it or write to it."""
        answer = await self.ask("check", PROBE_SECONDS / 4, "SET", "gitex:check", 1, "PX", 1000)
        if answer is not True:
            self.distrust("check")
            raise Unavailable(_described("garbage", exceptions.InvalidResponse("no OK")))

    async def close(self) -> None:
        """Stop probing and close the connections."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])
        await self._client.aclose(close_connection_pool=True)

    def _failed(self, operation: Operation, error: Exception) -> str:
        reason = reason_of(error)
        self._count(operation, reason)
        problem = _described(reason, error)
        if reason in ("full", "refused"):
            if operation != "read":
                self._refusal = problem
                self._tell()
            return problem
        if self._circuit.problem is None:
            log.warning("going on without Redis: %s", problem)
        self._circuit.open(problem)
        self._tell()
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._recover())
        return problem

    async def _recover(self) -> None:
        while self._circuit.problem is not None:
            await asyncio.sleep(self._circuit.next_pause())
            try:
                await self._probe()
            except Exception as error:  # it is still not well, in whichever way
                self._circuit.open(_described(reason_of(error), error))
            else:
                self._circuit.close()
                self._tell()
                log.warning("Redis is back")

    async def _probe(self) -> None:
        """Connect all that may be needed, then see whether an answer comes within a request's budget."""
        try:
            async with asyncio.timeout(PROBE_SECONDS), asyncio.TaskGroup() as group:
                for _ in range(CONNECTIONS):
                    group.create_task(self._ping())
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from group_error
        async with asyncio.timeout(self.read_s):
            await self._ping()

    async def _ping(self) -> None:
        if await self._execute("PING") is not True:
            raise exceptions.InvalidResponse("no PONG")

    async def _execute(self, *command: str | bytes | int) -> object:
        answer: object = await self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        return answer

    def _count(self, operation: Operation, reason: Reason | Literal["skipped"]) -> None:
        self._recorder.count(CACHE_FAILURES.name, 1, {"operation": operation, "reason": reason})

    def _tell(self) -> None:
        self._recorder.gauge(CACHE_DEGRADED.name, 0.0 if self.problem is None else 1.0, {})


def reason_of(error: Exception) -> Reason:
    """Which kind of trouble an exception of the client is."""
    match error:
        case TimeoutError() | exceptions.TimeoutError():
            return "slow"
        case exceptions.OutOfMemoryError():
            return "full"
        case exceptions.ConnectionError() | OSError():
            return "gone"
        case exceptions.ResponseError():
            return "refused"
        case _:
            return "garbage"


def _described(reason: Reason, error: Exception) -> str:
    said = str(error)
    return f"Redis is {_IS[reason]}: {said}" if said else f"Redis is {_IS[reason]}"


_IS: dict[Reason, str] = {
    "slow": "slow",
    "gone": "gone",
    "full": "full",
    "refused": "refusing",
    "garbage": "answering nonsense",
}
