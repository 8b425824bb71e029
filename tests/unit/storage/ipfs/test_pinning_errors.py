"""What a pinning client must never let out: the token, and the errors of the library below it."""

import asyncio
import logging
import pickle
import traceback
from collections.abc import Iterator

import httpx
import pytest

from gitex.errors import GitexError, SettingsError, Unavailable
from gitex.publishing import Content
from storage.ipfs.bounded_http import BoundedHttp, Patience
from storage.ipfs.cid import Cid
from storage.ipfs.pinning_service import PinningService
from tests.fakes.pinning_faults import Fault
from tests.fakes.pinning_server import pinning_service

TOKEN = "s3cret-token"
STAR = Content(cid=str(Cid.of("raw", b"a star")), name="star.png", blob="ab" * 32, size=6)
BRISK = Patience(try_s=0.3, budget_s=1.0, tries=2, first_wait_s=0.01)


def _tree(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


PUBLIC = [kind for kind in vars(httpx).values() if isinstance(kind, type) and issubclass(kind, Exception)]


class Breaking(httpx.AsyncBaseTransport):
    """Raises the same error for every request."""

    def __init__(self, kind: type[Exception]) -> None:
        self.kind = kind

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        error = self.kind.__new__(self.kind)
        Exception.__init__(error, f"broken while sending {TOKEN}")
        raise error


@pytest.mark.parametrize("kind", sorted({below for kind in PUBLIC for below in _tree(kind)}, key=lambda k: k.__name__))
async def test_every_error_of_httpx_is_unavailable(kind: type[Exception]) -> None:
    target = PinningService("http://127.0.0.1:9", TOKEN, patience=BRISK, transport=Breaking(kind))
    for operation in (target.pin(STAR), target.status(STAR.cid), target.unpin(STAR.cid), target.check()):
        with pytest.raises(Unavailable, match="cannot be reached") as caught:
            await operation
        assert TOKEN not in _all_text(caught.value)
    await target.close()


async def test_nobody_listening_is_unavailable() -> None:
    target = PinningService("http://127.0.0.1:9", TOKEN, patience=BRISK)
    with pytest.raises(Unavailable, match="ConnectError"):
        await target.status(STAR.cid)
    await target.close()


async def test_a_cancelled_pin_stays_cancelled() -> None:
    with pinning_service() as server:
        server.faults.append(Fault("hang", times=-1))
        target = PinningService(server.url, server.token, patience=Patience())
        task = asyncio.create_task(target.pin(STAR))
        await server.until_called("GET /pins")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await target.close()


async def test_a_wrong_token_names_its_setting_and_is_not_tried_again() -> None:
    with pinning_service() as server:
        target = PinningService(server.url, "wrong", patience=BRISK)
        for operation in (target.pin(STAR), target.status(STAR.cid), target.unpin(STAR.cid), target.check()):
            with pytest.raises(SettingsError, match="GITEX_PINNING_TOKEN") as caught:
                await operation
            assert caught.value.param == "GITEX_PINNING_TOKEN"
        assert len(server.calls) == 4
        await target.close()


@pytest.mark.parametrize("status", [400, 401, 404, 409, 418])
async def test_the_token_is_in_no_log_no_repr_and_no_error(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pinning_service() as server:
        target = PinningService(server.url, server.token, follow_s=0.0, patience=BRISK, gateway_url=server.url)
        texts = [repr(target), str(vars(target))]
        texts.append(repr(await target.pin(STAR)))
        server.entries.clear()
        server.faults.append(Fault("echo_token", times=-1, status=status))
        for operation in (target.pin(STAR), target.status(STAR.cid), target.check(), target.block(STAR.cid)):
            try:
                texts.append(repr(await operation))
            except GitexError as problem:
                texts.append(_all_text(problem))
                texts.append(_all_text(pickle.loads(pickle.dumps(problem))))
        await target.close()
    texts += [record.getMessage() for record in caplog.records]
    assert any("fetches through" in text for text in texts)
    assert [text for text in texts if server.token in text] == []
    assert [text for text in texts if "forged" in text and "\r" in text] == []


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "schlüssel", "nul\0"])
def test_a_token_that_no_header_can_hold_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(SettingsError, match="GITEX_PINNING_TOKEN") as caught:
        PinningService("http://127.0.0.1:9", token)
    assert not token or token not in _all_text(caught.value)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:9", "ftp://host", "http://", "http://host:port", "http://me:pw@host", "http://host/?a=b"]
)
def test_a_bad_address_names_its_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="GITEX_PINNING_URL"):
        PinningService(url, TOKEN)
    with pytest.raises(SettingsError, match="GITEX_PINNING_GATEWAY_URL"):
        PinningService("http://host", TOKEN, gateway_url=url or "nothing")


@pytest.mark.parametrize("origins", [["203.0.113.1:4001"], ["/ip4/203.0.113.1/tcp/4001"], ["/p2p/a"] * 2 + ["/p2p/"]])
def test_an_origin_that_nobody_can_dial_names_its_setting(origins: list[str]) -> None:
    with pytest.raises(SettingsError, match="GITEX_PINNING_ORIGINS"):
        PinningService("http://host", TOKEN, origins=origins)


def test_more_origins_than_the_api_takes_are_refused() -> None:
    with pytest.raises(SettingsError, match="more than 20"):
        PinningService("http://host", TOKEN, origins=[f"/ip4/203.0.113.{n}/tcp/4001/p2p/Qm" for n in range(21)])


async def test_what_a_place_says_is_one_short_line() -> None:
    http = BoundedHttp("http://host", place="it", setting="S", try_s=1, max_bytes=1, secret="key")
    assert http.said("a\r\n\x1b[31mkey " + "long " * 100).startswith("a [31m*** long long")
    assert len(http.said("long " * 100)) <= 301
    await http.close()


def _all_text(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + str(error.__dict__)
