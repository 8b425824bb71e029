"""An IPFS node on its bad days: the call ends in time, in our words, and the next one works."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from gitex.errors import Unavailable
from gitex.publishing import PinStatus
from storage.blobs import LocalBlobStore
from storage.ipfs.kubo import KuboNode, KuboPatience
from tests.fakes import kubo_server
from tests.fakes.kubo_server import Behaviour, Exchange, ScriptedNode, says, sends
from tests.fakes.ports import free_port
from tests.unit.storage.ipfs.kubo.star import CID, CONTENT, GOOD_ADD, IMPATIENT, THREADS


async def _until(happened: Callable[[], bool]) -> None:
    """Let the loop and the threads go on until it has."""
    while not happened():  # noqa: ASYNC110 - what happens outside the loop sets no event
        await asyncio.sleep(0.001)


BAD_DAYS: dict[str, Behaviour] = {
    "it hangs": kubo_server.hangs,
    "it drips a header": kubo_server.drips_a_header,
    "it drips a body": kubo_server.drips_a_body,
    "it closes the connection": kubo_server.closes,
    "it closes the connection at once": kubo_server.closes_at_once,
    "it breaks off": sends(b'{"Hash": "ba', kind="application/json", length=100),
    "it claims a huge answer": sends(b"{", kind="application/json", length=10**12),
    "500 without words": sends(b"", status="500 Internal Server Error"),
    "500 as HTML": sends(b"<html>oops</html>", status="502 Bad Gateway"),
    "500 as Kubo says it": says({"Message": "merkledag: disk I/O \x1b error", "Code": 0, "Type": "error"}, "500 No"),
    "403": sends(b"403 Forbidden", status="403 Forbidden"),
    "a login page": sends(b"<html>who are you?</html>"),
    "nothing": sends(b""),
    "not UTF-8": sends(b'{"Hash": "\xff\xfe"}'),
    "a list": says([1, 2]),
    "a number": says(7),
    "an object without what is asked for": says({"Hsh": 1}),
    "two objects": sends(b'{"Hash": "a"}\n{"Hash": "b"}'),
    "an error after some data": sends(b'{"Name": "a"}\n{"Message": "disk full", "Type": "error"}'),
    "an error without words": sends(b'{"Type": "error"}'),
    "endless nesting": sends(b"[" * 200_000),
    "not HTTP": lambda exchange: exchange.send(b"SSH-2.0-OpenSSH_9.6\r\n"),
}


@pytest.mark.parametrize("day", BAD_DAYS)
async def test_on_every_bad_day_all_calls_end_in_time_as_unavailable(
    node: ScriptedNode, kubo: KuboNode, day: str
) -> None:
    node.behaviours = dict.fromkeys(["/add", "/pin/ls", "/pin/rm", "/version", "/block/get"], BAD_DAYS[day])
    calls = [kubo.pin(CONTENT), kubo.status(str(CID)), kubo.unpin(str(CID)), kubo.check()]
    began = time.monotonic()
    for call in calls:
        with pytest.raises(Unavailable) as raised:
            await call
        assert raised.value.message.startswith("the IPFS node ")
        assert raised.value.message.isprintable()
    assert time.monotonic() - began < len(calls) * (IMPATIENT.call_s + 0.5)


async def test_a_redirect_is_not_followed(node: ScriptedNode, kubo: KuboNode) -> None:
    node.behaviours["/version"] = sends(b"", status="307 Over There\r\nlocation: /api/v0/elsewhere")
    node.behaviours["/elsewhere"] = says({"Version": "0.40.0"})
    with pytest.raises(Unavailable, match="redirects"):
        await kubo.check()
    assert not any("elsewhere" in path for path in node.asked)


async def test_a_node_that_is_not_there_is_unavailable(blobs: LocalBlobStore) -> None:
    kubo = KuboNode(f"/ip4/127.0.0.1/tcp/{free_port()}/http", blobs, IMPATIENT)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await kubo.pin(CONTENT)
    await kubo.close()


async def test_500_for_a_while_then_it_works(node: ScriptedNode, kubo: KuboNode) -> None:
    answers = iter([sends(b"", status="500 No"), sends(b"", status="500 No"), GOOD_ADD])

    async def next_answer(exchange: Exchange) -> None:
        await next(answers)(exchange)

    node.behaviours["/add"] = next_answer
    for _ in range(2):
        with pytest.raises(Unavailable):
            await kubo.pin(CONTENT)
    assert await kubo.pin(CONTENT) == PinStatus("pinned")


@pytest.mark.parametrize("day", [kubo_server.hangs, kubo_server.drips_a_header, kubo_server.drips_a_body])
async def test_calls_that_hang_give_their_threads_back(node: ScriptedNode, kubo: KuboNode, day: Behaviour) -> None:
    node.behaviours["/add"] = day
    node.behaviours["/version"] = says({"Version": "0.40.0"})
    hung = await asyncio.gather(*(kubo.pin(CONTENT) for _ in range(3 * THREADS)), return_exceptions=True)
    assert [type(problem) for problem in hung] == [Unavailable] * len(hung)
    await kubo.check()


async def test_hung_calls_leave_the_event_loops_own_threads_alone(node: ScriptedNode, kubo: KuboNode) -> None:
    node.behaviours["/version"] = kubo_server.drips_a_header
    hung = [asyncio.create_task(kubo.check()) for _ in range(100)]
    await _until(lambda: len(node.asked) == THREADS)
    async with asyncio.timeout(0.3):
        assert await asyncio.to_thread(lambda: 7) == 7
    await asyncio.gather(*hung, return_exceptions=True)
    assert len(node.asked) <= 2 * THREADS


async def test_a_caller_that_leaves_frees_the_thread(node: ScriptedNode, blobs: LocalBlobStore) -> None:
    kubo = KuboNode(node.address, blobs, KuboPatience(), threads=1)
    node.behaviours |= {"/add": kubo_server.drips_a_header, "/version": says({"Version": "0.40.0"})}
    leaving = asyncio.create_task(kubo.pin(CONTENT))
    await _until(lambda: bool(node.asked))
    leaving.cancel()
    async with asyncio.timeout(2):
        await kubo.check()
    await kubo.close()


async def test_closing_ends_running_and_waiting_and_later_calls(node: ScriptedNode, blobs: LocalBlobStore) -> None:
    before = threading.active_count()
    kubo = KuboNode(node.address, blobs, KuboPatience(), threads=1)
    node.behaviours["/version"] = kubo_server.drips_a_body
    calls = [asyncio.create_task(kubo.check()) for _ in range(3)]
    await _until(lambda: bool(node.asked))
    await kubo.close()
    async with asyncio.timeout(2):
        ended = await asyncio.gather(*calls, return_exceptions=True)
        await _until(lambda: threading.active_count() <= before)
    assert [type(problem) for problem in ended] == [Unavailable] * 3
    with pytest.raises(Unavailable, match="closed"):
        await kubo.check()
