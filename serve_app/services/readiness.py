"""Is every part that a request needs there?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Part:
    """What one check found."""

    name: str
    problem: str | None
    """`None` when the part is well."""


@dataclass(frozen=True)
class Readiness:
    """Named checks; each returns when its part is well and raises when it is not."""

    checks: Mapping[str, Check]
    timeout: float = 3.0
    """Seconds a part has to answer."""

    async def report(self) -> list[Part]:
        """Ask all parts at once."""
        return await asyncio.gather(*(self._ask(name, check) for name, check in self.checks.items()))

    async def _ask(self, name: str, check: Check) -> Part:
        try:
            await asyncio.wait_for(check(), self.timeout)
        except TimeoutError:
            return Part(name, f"no answer within {self.timeout:g} s")
        except Exception as problem:  # a broken part must not hide the others
            return Part(name, str(problem) or type(problem).__name__)
        return Part(name, None)
