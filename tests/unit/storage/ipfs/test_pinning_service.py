"""Pinning through a service that speaks the Pinning Service API, over real HTTP."""

import asyncio

import pytest

from gitex.errors import CidMismatch, InvalidInput, NotFound, SettingsError, Unavailable
from gitex.publishing import Content, PinStatus
from storage.ipfs.cid import Cid
from storage.ipfs.pinning_service import PinningService
from tests.fakes.pinning_faults import Fault
from tests.fakes.pinning_server import DELEGATE, FakePinningService
from tests.unit.storage.ipfs.conftest import BRISK, PinningClients

BLOCK = b"a star"
CID = str(Cid.of("raw", BLOCK))
STAR = Content(cid=CID, name="star.png", blob="ab" * 32, size=len(BLOCK))
ORIGIN = "/ip4/203.0.113.142/tcp/4001/p2p/QmSourcePeer"


async def test_a_pin_is_posted_once_with_meta_and_origins_and_found_again(
    make: PinningClients, server: FakePinningService
) -> None:
    target = make(origins=[ORIGIN, ORIGIN])
    assert await target.status(CID) is None
    first = await target.pin(STAR)
    assert first == await target.pin(STAR) == await make().pin(STAR)
    assert first.state == "queued"
    assert server.posts() == 1
    assert server.entries[first.remote_id].pin == {
        "cid": CID,
        "name": "star.png",
        "origins": [ORIGIN],
        "meta": {"app": "gitex", "sha256": STAR.blob},
    }
    assert target.delegates == (DELEGATE,)


async def test_a_pin_is_followed_to_its_end(make: PinningClients, server: FakePinningService) -> None:
    server.plan = ("queued", "queued", "pinning", "pinned")
    assert (await make(follow_s=5.0).pin(STAR)).state == "pinned"


async def test_a_pin_that_takes_long_is_told_as_it_stands_and_asked_for_later(
    make: PinningClients, server: FakePinningService
) -> None:
    target = make(follow_s=0.05)
    assert (await target.pin(STAR)).state == "queued"
    server.settle("pinning")
    assert await target.status(CID) == PinStatus("pinning", next(iter(server.entries)))


async def test_a_request_that_another_process_tidied_away_is_told_as_the_one_that_is_left(
    make: PinningClients, server: FakePinningService
) -> None:
    pinning = asyncio.create_task(make(follow_s=5.0).pin(STAR))
    await server.until_called("GET /pins/")
    left = server.add(CID, "pinned", app="gitex")
    server.entries = {left.requestid: left}
    assert await pinning == PinStatus("pinned", left.requestid)


async def test_a_request_that_was_removed_meanwhile_is_unavailable(
    make: PinningClients, server: FakePinningService
) -> None:
    pinning = asyncio.create_task(make(follow_s=5.0).pin(STAR))
    await server.until_called("GET /pins/")
    await make().unpin(CID)
    with pytest.raises(Unavailable, match="removed meanwhile"):
        await pinning


async def test_a_failed_request_is_told_with_its_reason_and_replaced_by_the_next_pin(
    make: PinningClients, server: FakePinningService
) -> None:
    target = make()
    first = await target.pin(STAR)
    server.settle("failed", "DAG too big")
    assert await target.status(CID) == PinStatus("failed", first.remote_id, "DAG too big")
    again = await target.pin(STAR)
    assert again.state == "queued"
    assert list(server.entries) == [again.remote_id] != [first.remote_id]
    assert any(call.startswith(f"POST /pins/{first.remote_id}") for call in server.calls)


async def test_the_best_of_several_requests_counts(make: PinningClients, server: FakePinningService) -> None:
    for state in ("failed", "queued", "pinned", "pinning", "pinned"):
        server.add(CID, state, app="gitex")
    status = await make().status(CID)
    assert status == PinStatus("pinned", list(server.entries)[2])


async def test_a_pin_leaves_one_request_of_several_the_oldest(make: PinningClients, server: FakePinningService) -> None:
    for state in ("failed", "pinned", "queued", "pinned"):
        server.add(CID, state, app="gitex")
    oldest = list(server.entries)[1]
    assert await make().pin(STAR) == PinStatus("pinned", oldest)
    assert list(server.entries) == [oldest]


async def test_a_pinned_request_is_not_given_up_for_an_older_one_that_is_not(
    make: PinningClients, server: FakePinningService
) -> None:
    for state in ("queued", "pinned"):
        server.add(CID, state, app="gitex")
    await make().pin(STAR)
    assert len(server.entries) == 2


@pytest.mark.parametrize("filters", [True, False])
async def test_requests_of_others_are_neither_counted_nor_removed(
    make: PinningClients, server: FakePinningService, filters: bool
) -> None:
    server.filters_meta = filters
    server.add(CID, "pinned", app="somebody else")
    server.add(CID, "pinned")
    target = make()
    assert await target.status(CID) is None
    await target.pin(STAR)
    await target.unpin(CID)
    assert [entry.pin["meta"] for entry in server.entries.values()] == [{"app": "somebody else"}, {}]
    asked = [call for call in server.calls if call.startswith("GET /pins?")]
    assert all("meta=%7B%22app%22%3A+%22gitex%22%7D" in call for call in asked)


async def test_unpin_removes_every_request_in_every_state_over_several_pages(
    make: PinningClients, server: FakePinningService
) -> None:
    for state in ("failed", "queued", "pinned", "pinning") * 3:
        server.add(CID, state, app="gitex")
    target = make(page=5)
    await target.unpin(CID)
    await target.unpin(CID)
    assert server.entries == {}


@pytest.mark.parametrize("latency_s", [(0.0,), (0.0, 0.03, 0.01), (0.02, 0.0, 0.05, 0.01, 0.0)])
async def test_many_processes_that_pin_at_once_leave_the_oldest_request(
    make: PinningClients, server: FakePinningService, latency_s: tuple[float, ...]
) -> None:
    server.latency_s = latency_s
    statuses = await asyncio.gather(*(make(follow_s=0.1).pin(STAR) for _ in range(8)))
    assert server.posts() > 1
    assert len(server.entries) == 1
    assert (await make().pin(STAR)).remote_id == next(iter(server.entries))
    assert {status.state for status in statuses} == {"queued"}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_for_other_content_is_a_mismatch(
    make: PinningClients, server: FakePinningService, method: str
) -> None:
    server.add(CID, "queued", app="gitex" if method == "GET" else "else")
    server.faults.append(Fault("wrong_cid", methods=(method,), times=-1))
    with pytest.raises(CidMismatch, match=CID):
        await make().pin(STAR)


async def test_the_same_content_in_another_spelling_is_the_same(
    make: PinningClients, server: FakePinningService
) -> None:
    entry = server.add(CID, "pinned", app="gitex")
    target = make()
    assert (await target.status(Cid.parse(CID).base36())) == PinStatus("pinned", entry.requestid)


async def test_a_service_that_forgets_meta_is_refused_and_left_without_a_request(
    make: PinningClients, server: FakePinningService
) -> None:
    server.keeps_meta = False
    with pytest.raises(SettingsError, match="does not keep `meta`") as caught:
        await make().pin(STAR)
    assert caught.value.param == "GITEX_PINNING_URL"
    assert server.entries == {}


async def test_an_address_without_the_api_names_its_setting(make: PinningClients, server: FakePinningService) -> None:
    target = PinningService(server.url + "/nowhere", server.token, patience=BRISK)
    with pytest.raises(SettingsError, match="GITEX_PINNING_URL"):
        await target.check()
    await target.close()


async def test_check_returns_when_all_is_well_and_asks_once_when_not(
    make: PinningClients, server: FakePinningService
) -> None:
    await make().check()
    server.faults.append(Fault("status"))
    with pytest.raises(Unavailable):
        await make().check()
    assert len(server.calls) == 2


async def test_a_block_comes_back_through_the_gateway_without_the_token(
    make: PinningClients, server: FakePinningService
) -> None:
    server.blocks[CID] = BLOCK
    assert await make(gateway_url=server.url).block(CID) == BLOCK
    assert [headers["accept"] for headers in server.gateway_headers] == ["application/vnd.ipld.raw"]
    assert "authorization" not in server.gateway_headers[0]


async def test_a_block_that_is_not_what_was_asked_for_is_a_mismatch(
    make: PinningClients, server: FakePinningService
) -> None:
    server.blocks[CID] = b"another star"
    with pytest.raises(CidMismatch, match=CID):
        await make(gateway_url=server.url).block(CID)


async def test_a_missing_block_is_not_found_and_a_bad_cid_is_refused(make: PinningClients) -> None:
    target = make(gateway_url=make.server.url)
    with pytest.raises(NotFound, match=CID):
        await target.block(CID)
    with pytest.raises(InvalidInput, match="not a CID"):
        await target.block("../../pins")


async def test_without_a_gateway_nothing_can_be_read_back(make: PinningClients) -> None:
    with pytest.raises(Unavailable, match="cannot be read back"):
        await make().block(CID)
