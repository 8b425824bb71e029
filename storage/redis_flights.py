"""The cluster-wide single flight in Redis: leases with fencing tokens, compared and changed by scripts in one step."""

from gitex.errors import Unavailable
from gitex.flights import Claim, Held, Landed, Lease
from storage.flights import LEASE_SECONDS, RESULT_SECONDS
from storage.redis_link import Operation, RedisLink
from storage.redis_news import RedisNews

# A request that misses the cache is about to spend seconds on an engine: it waits longer for this than for a read.
CALL_SECONDS = 0.05
# News may be lost; a follower asks this often in any case.
POLL_SECONDS = 0.25

# KEYS: lease, result, counter. ARGV: lease in ms, an asset that is no result.
# The counter begins at the server's time in microseconds, so that tokens go on rising when Redis forgot everything.
_CLAIM = """
local done = redis.call('GET', KEYS[2])
if done and done ~= ARGV[2] then return {'landed', done} end
local left = redis.call('PTTL', KEYS[1])
if left > 0 then return {'held', left} end
local token = redis.call('INCR', KEYS[3])
if token == 1 then
  local time = redis.call('TIME')
  token = tonumber(time[1]) * 1000000 + tonumber(time[2])
  redis.call('SET', KEYS[3], string.format('%.0f', token))
end
redis.call('SET', KEYS[1], string.format('%.0f', token), 'PX', ARGV[1])
redis.call('DEL', KEYS[2])
return {'lease', token}
"""
# KEYS: lease. ARGV: token, lease in ms.
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
# KEYS: lease, result. ARGV: token, asset, result in ms, channel, digest.
_LAND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
"""
# KEYS: lease. ARGV: token, channel, digest.
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
"""


class RedisFlights:
    """A `gitex.ports.Flights`. Redis' own clock ends the leases; results wake followers by publishing."""

    def __init__(
        self,
        link: RedisLink,
        news: RedisNews,
        prefix: str = "gitex:",
        lease_s: float = LEASE_SECONDS,
        call_s: float = CALL_SECONDS,
    ) -> None:
        self._link = link
        self._news = news
        self._prefix = f"{prefix}flight:"
        self._lease_s = lease_s
        self._call_s = call_s

    async def claim(self, digest: str, gone: str | None = None) -> Claim:
        """A fresh result, else who leads, else the lease."""
        keys = (self._lease(digest), self._result(digest), f"{self._prefix}token")
        answer = await self._run("claim", _CLAIM, keys, _ms(self._lease_s), gone or "")
        match answer:
            case [b"landed", bytes() as asset_id]:
                return Landed(asset_id.decode(errors="replace"))
            case [b"held", int() as left_ms]:
                return Held(left_ms / 1000)
            case [b"lease", int() as token]:
                return Lease(digest, token, self._lease_s)
        raise self._nonsense("claim")

    async def renew(self, lease: Lease) -> bool:
        """Hold it for its full length again; False if it has expired or was given up."""
        return await self._if_held("renew", _RENEW, (self._lease(lease.digest),), lease, _ms(self._lease_s))

    async def land(self, lease: Lease, asset_id: str) -> bool:
        """Tell the followers the result and give up the lease; False if it is no longer held."""
        keys = (self._lease(lease.digest), self._result(lease.digest))
        more = (asset_id, _ms(RESULT_SECONDS), self._news.channel, lease.digest)
        return await self._if_held("land", _LAND, keys, lease, *more)

    async def release(self, lease: Lease) -> None:
        """Give it up without a result."""
        keys = (self._lease(lease.digest),)
        await self._if_held("release", _RELEASE, keys, lease, self._news.channel, lease.digest)

    async def wait(self, digest: str, seconds: float) -> None:
        """Return on news, or when it is time to ask again."""
        await self._news.wait(digest, min(seconds, POLL_SECONDS))

    async def _if_held(
        self, operation: Operation, script: str, keys: tuple[str, ...], lease: Lease, *more: str | int
    ) -> bool:
        answer = await self._run(operation, script, keys, lease.token, *more)
        if answer not in (0, 1):
            raise self._nonsense(operation)
        return answer == 1

    async def _run(self, operation: Operation, script: str, keys: tuple[str, ...], *args: str | int) -> object:
        # The whole script each time: it is short, and a restarted server knows no digests of scripts.
        return await self._link.ask(operation, self._call_s, "EVAL", script, len(keys), *keys, *args)

    def _nonsense(self, operation: Operation) -> Unavailable:
        self._link.distrust(operation)
        return Unavailable("Redis is answering nonsense")

    def _lease(self, digest: str) -> str:
        return f"{self._prefix}{digest}:lease"

    def _result(self, digest: str) -> str:
        return f"{self._prefix}{digest}:result"


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))
