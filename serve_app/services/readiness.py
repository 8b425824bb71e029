"""Is every part that a request needs there?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Part:
    """What one check found."""

    name: str
    problem: str | None
    """`None` when the part is well."""
    needed: bool = True
    """Whether requests fail without it; else they go on, slower or with less."""

    @property
    def status(self) -> Literal["ok", "degraded", "failed"]:
        """How it is with this part."""
        if self.problem is None:
            return "ok"
        return "failed" if self.needed else "degraded"


@dataclass(frozen=True)
class Readiness:
    """Named checks; each returns when its part is well and raises when it is not."""

    checks: Mapping[str, Check]
    timeout: float = 3.0
    """Seconds a part has to answer."""
    dispensable: Mapping[str, Check] = field(default_factory=dict)
    """Checks of parts without which requests go on."""

    async def report(self) -> list[Part]:
        """Ask all parts at once."""
        needed = [self._ask(name, check, needed=True) for name, check in self.checks.items()]
        others = [self._ask(name, check, needed=False) for name, check in self.dispensable.items()]
        return await asyncio.gather(*needed, *others)

    async def _ask(self, name: str, check: Check, *, needed: bool) -> Part:
        try:
            await asyncio.wait_for(check(), self.timeout)
        except TimeoutError:
            return Part(name, f"no answer within {self.timeout:g} s", needed)
        except Exception as problem:  # a broken part must not hide the others
            return Part(name, str(problem) or type(problem).__name__, needed)
        return Part(name, None, needed)
