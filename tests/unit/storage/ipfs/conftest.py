"""A running pinning service and clients of it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from storage.ipfs.bounded_http import Patience
from storage.ipfs.pinning_service import PinningService
from tests.fakes.pinning_server import FakePinningService, pinning_service

BRISK = Patience(try_s=0.5, budget_s=5.0, tries=4, first_wait_s=0.01)


@pytest.fixture(scope="module")
def running() -> Iterator[FakePinningService]:
    with pinning_service() as service:
        yield service


@pytest.fixture
def server(running: FakePinningService) -> Iterator[FakePinningService]:
    running.reset()
    yield running
    assert running.wrong == []


class PinningClients:
    """Makes clients and closes them at the end."""

    def __init__(self, server: FakePinningService) -> None:
        self.server = server
        self.made: list[PinningService] = []

    def __call__(self, **options: object) -> PinningService:
        given = {"token": self.server.token, "follow_s": 0.0, "poll_s": 0.01, "patience": BRISK, **options}
        self.made.append(PinningService(self.server.url, **given))  # type: ignore[arg-type]
        return self.made[-1]


@pytest.fixture
async def make(server: FakePinningService) -> AsyncIterator[PinningClients]:
    clients = PinningClients(server)
    yield clients
    for target in clients.made:
        await target.close()
