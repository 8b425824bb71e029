"""A pinning service that errs, hangs, drips, lies or wants money, over real HTTP."""

import asyncio

import pytest

from gitex.errors import InsufficientFunds, Unavailable
from gitex.publishing import Content
from storage.ipfs.bounded_http import Patience
from storage.ipfs.cid import Cid
from tests.fakes.pinning_faults import Fault
from tests.fakes.pinning_server import FakePinningService
from tests.unit.storage.ipfs.conftest import BRISK, PinningClients

CID = str(Cid.of("raw", b"a star"))
STAR = Content(cid=CID, name="star.png", blob="ab" * 32, size=6)


async def test_a_post_whose_answer_is_lost_is_not_posted_again(
    make: PinningClients, server: FakePinningService
) -> None:
    server.faults.append(Fault("lost_answer", methods=("POST",)))
    status = await make().pin(STAR)
    assert list(server.entries) == [status.remote_id]
    assert server.posts() == 1


@pytest.mark.parametrize("kind", ["drip", "cut_off", "hang", "html", "huge"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_one_bad_answer_is_outlived(
    make: PinningClients, server: FakePinningService, kind: str, method: str
) -> None:
    server.faults.append(Fault(kind, methods=(method,)))  # type: ignore[arg-type]
    status = await make(patience=Patience(try_s=0.15, budget_s=5, tries=4, first_wait_s=0.01)).pin(STAR)
    assert list(server.entries) == [status.remote_id]


@pytest.mark.parametrize("kind", ["drip", "cut_off", "hang", "html", "huge", "status"])
async def test_a_service_that_stays_bad_is_unavailable_within_the_budget(
    make: PinningClients, server: FakePinningService, kind: str
) -> None:
    server.faults.append(Fault(kind, times=-1))  # type: ignore[arg-type]
    target = make(patience=Patience(try_s=0.1, budget_s=0.3, tries=100, first_wait_s=0.01))
    began = asyncio.get_running_loop().time()
    for operation in (target.pin(STAR), target.status(CID), target.unpin(CID), target.check()):
        with pytest.raises(Unavailable, match="the pinning service") as caught:
            await operation
        assert type(caught.value) is Unavailable
    # Generous for a busy machine; all 100 tries would take ten times that.
    assert asyncio.get_running_loop().time() - began < 5.0


async def test_an_endless_answer_is_not_read_to_its_end(make: PinningClients, server: FakePinningService) -> None:
    server.faults.append(Fault("huge", times=-1))
    with pytest.raises(Unavailable, match="more than 4194304 bytes"):
        await make(patience=Patience(try_s=5, budget_s=5, tries=1)).status(CID)


async def test_errors_of_a_while_are_outlived(make: PinningClients, server: FakePinningService) -> None:
    server.faults.extend([Fault("status", status=500), Fault("status", status=429), Fault("status", status=503)])
    assert (await make().pin(STAR)).state == "queued"


async def test_tries_are_bounded(make: PinningClients, server: FakePinningService) -> None:
    server.faults.append(Fault("status", times=-1, status=503))
    with pytest.raises(Unavailable, match="status 503"):
        await make().status(CID)
    assert len(server.calls) == BRISK.tries


async def test_a_service_that_says_to_come_back_after_the_budget_is_unavailable_at_once(
    make: PinningClients, server: FakePinningService
) -> None:
    server.faults.append(Fault("status", status=429, retry_after="60"))
    with pytest.raises(Unavailable, match="status 429"):
        await asyncio.wait_for(make().status(CID), 1.0)
    assert len(server.calls) == 1


async def test_without_funds_the_error_says_so(make: PinningClients, server: FakePinningService) -> None:
    server.funds = 0
    with pytest.raises(InsufficientFunds, match="lack of funds"):
        await make().pin(STAR)
    assert server.posts() == 1


async def test_a_refusal_is_a_failed_pin_with_the_reason(make: PinningClients, server: FakePinningService) -> None:
    server.faults.append(Fault("echo_token", methods=("POST",), status=400))
    status = await make().pin(STAR)
    assert (status.state, status.remote_id) == ("failed", "")
    assert "status 400, BAD" in status.reason
