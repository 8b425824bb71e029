import asyncio

from serve_app.services.readiness import Readiness


async def well() -> None: ...


async def broken() -> None:
    raise OSError("no disk")


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_a_part_without_which_requests_go_on_is_degraded_and_not_failed() -> None:
    readiness = Readiness({"store": broken, "model": well}, timeout=0.02, dispensable={"cache": broken, "pins": hangs})
    assert [(part.name, part.status, part.problem) for part in await readiness.report()] == [
        ("store", "failed", "no disk"),
        ("model", "ok", None),
        ("cache", "degraded", "no disk"),
        ("pins", "degraded", "no answer within 0.02 s"),
    ]


async def test_a_dispensable_part_that_is_well_is_ok() -> None:
    assert [part.status for part in await Readiness({}, dispensable={"cache": well}).report()] == ["ok"]
