"""A pin target in memory that can be told to misbehave."""

from collections import Counter
from collections.abc import Callable

from gitex.errors import CidMismatch, GitexError, NotFound
from gitex.publishing import Content, PinStatus


class FakePinTarget:
    """Implements `gitex.ports.PinTarget`. `on_call` is told the name of each call and may raise."""

    def __init__(self, name: str, on_call: Callable[[str], None] | None = None) -> None:
        self.name = name
        self.pinned: dict[str, Content] = {}
        self.pins = Counter[str]()
        """How often each root was asked to be pinned."""
        self.error: GitexError | None = None
        self.first_state: PinStatus = PinStatus("pinned")
        self._on_call = on_call or (lambda _: None)

    async def pin(self, content: Content) -> PinStatus:
        self._begin("pin")
        self.pins[content.cid] += 1
        self.pinned[content.cid] = content
        self._on_call(f"{self.name} pinned")
        return self.first_state

    async def status(self, cid: str) -> PinStatus | None:
        self._begin("status")
        return PinStatus("pinned") if cid in self.pinned else None

    async def unpin(self, cid: str) -> None:
        self._begin("unpin")
        self.pinned.pop(cid, None)

    async def block(self, cid: str) -> bytes:
        self._begin("block")
        raise NotFound(f"{self.name} holds no bytes")

    async def check(self) -> None:
        self._begin("check")

    def lie(self) -> None:
        """Name other content from now on."""
        self.error = CidMismatch(f"{self.name} names other content")

    def _begin(self, call: str) -> None:
        self._on_call(f"{self.name} {call}")
        if self.error is not None:
            raise self.error
