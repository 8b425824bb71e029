"""News of flights, over one subscription a process."""

import asyncio
import logging

from redis.asyncio.client import PubSub

from gitex.ports import Clock
from storage.circuit import Circuit
from storage.flights import Wakes
from storage.redis_link import client_for

log = logging.getLogger("gitex.storage")
CONNECT_SECONDS = 1.0
# A subscription that was silent this long is asked whether it still lives.
IDLE_SECONDS = 10.0


class RedisNews:
    """Wakes who waits for a digest when its flight ends. Subscribes at the first wait; may miss news at any time."""

    def __init__(self, url: str, clock: Clock, prefix: str = "gitex:") -> None:
        self.channel = f"{prefix}flights"
        self._client = client_for(url, connections=1)
        self._wakes = Wakes()
        self._circuit = Circuit(clock)
        self._listening: asyncio.Task[None] | None = None

    async def wait(self, digest: str, seconds: float) -> None:
        """Return on news of the digest, or after `seconds`."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        await self._wakes.wait(digest, seconds)

    async def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await self._client.aclose(close_connection_pool=True)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._client.pubsub() as subscription:
                    await self._hear(subscription)
            except Exception as error:  # whatever a broken server makes the client raise
                log.info("no news from Redis: %s", error)
                self._circuit.open(str(error))
            await asyncio.sleep(self._circuit.next_pause())

    async def _hear(self, subscription: PubSub) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            await subscription.subscribe(self.channel)
        asked = False
        while True:
            message = await subscription.get_message(timeout=IDLE_SECONDS)
            if message is None:
                if asked:
                    raise TimeoutError("the subscription is silent")
                await subscription.ping()
            elif message["type"] == "subscribe":
                self._circuit.close()
                # What ended before this was not heard.
                self._wakes.wake_all()
            elif message["type"] == "message" and isinstance(message["data"], bytes):
                self._wakes.wake(message["data"].decode(errors="replace"))
            asked = message is None
