"""The pinning service of our tests behaves as the published API says, also where that is awkward."""

from typing import Any

import httpx
import pytest

from storage.ipfs.cid import Cid
from tests.fakes.pinning_faults import OTHER_CID
from tests.fakes.pinning_server import FakePinningService

CID = str(Cid.of("raw", b"a star"))


@pytest.fixture
def client(server: FakePinningService):
    with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {server.token}"}) as client:
        yield client


def _listed(client: httpx.Client, **query: Any) -> tuple[int, list[str]]:
    body = client.get("/pins", params=query).raise_for_status().json()
    return body["count"], [result["pin"].get("name", "") for result in body["results"]]


def test_a_second_post_of_the_same_cid_makes_a_second_request(client: httpx.Client) -> None:
    ids = {client.post("/pins", json={"cid": CID}).json()["requestid"] for _ in range(2)}
    assert len(ids) == 2


def test_a_plain_listing_has_the_newest_ten_and_only_what_is_pinned(
    client: httpx.Client, server: FakePinningService
) -> None:
    for number in range(12):
        server.add(CID).pin["name"] = str(number)
    server.add(CID, "queued")
    assert _listed(client) == (12, [str(number) for number in range(11, 1, -1)])
    assert _listed(client, status="queued") == (1, [""])


def test_pages_go_back_by_time_and_leave_out_their_bound(client: httpx.Client, server: FakePinningService) -> None:
    entries = [server.add(CID) for _ in range(5)]
    for number, entry in enumerate(entries):
        entry.pin["name"] = str(number)
    bounds = {"after": entries[0].shown()["created"], "before": entries[4].shown()["created"]}
    assert _listed(client, limit=2, **bounds) == (3, ["3", "2"])


@pytest.mark.parametrize(("match", "names"), [("exact", 1), ("iexact", 2), ("partial", 2), ("ipartial", 4), (None, 1)])
def test_names_match_in_four_ways(
    client: httpx.Client, server: FakePinningService, match: str | None, names: int
) -> None:
    for name in ("star", "Star", "a star", "A STARfish", "moon"):
        server.add(CID).pin["name"] = name
    query = {"name": "star"} | ({"match": match} if match else {})
    assert _listed(client, **query)[0] == names


def test_meta_and_several_cids_filter(client: httpx.Client, server: FakePinningService) -> None:
    server.add(CID, app="gitex", more="yes")
    server.add(OTHER_CID, app="else")
    assert _listed(client, meta='{"app":"gitex"}')[0] == 1
    assert _listed(client, cid=f"{CID},{OTHER_CID}")[0] == 2
    assert _listed(client, cid=OTHER_CID, meta='{"app":"gitex"}')[0] == 0


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 1001}, {"status": "gone"}, {"meta": "app"}, {"before": "noon"}, {"match": "near"}]
)
def test_a_query_that_breaks_the_api_is_a_bad_request(
    client: httpx.Client, server: FakePinningService, query: dict[str, Any]
) -> None:
    assert client.get("/pins", params=query).status_code == 400
    assert server.wrong != []
    server.wrong.clear()


def test_what_is_not_there_is_not_found_and_a_stranger_is_unauthorised(
    client: httpx.Client, server: FakePinningService
) -> None:
    gone = [client.get("/pins/x"), client.delete("/pins/x"), client.post("/pins/x", json={"cid": CID})]
    assert [answer.status_code for answer in gone] == [404] * 3
    assert httpx.get(f"{server.url}/pins").json()["error"]["reason"] == "UNAUTHORIZED"
