"""What a sender has spent and may still spend, in wei."""

from dataclasses import replace
from datetime import timedelta

from tests.fakes.mint_outbox import OTHER_SENDER, SENDER, attempt_of, inclusion_of, open_rows, transaction_of
from tests.fakes.minted_assets import MOMENT


async def test_wei_are_counted_exactly_also_far_beyond_64_bits(database_url: str) -> None:
    rows = await open_rows(database_url)
    outbox, gas = rows.outbox, 30_000_000
    assert await outbox.lease(SENDER, "one", timedelta(minutes=1))
    assert await outbox.committed(SENDER, MOMENT) == 0
    for nonce in range(4):
        fees = replace(attempt_of(nonce), max_fee=2**200 + nonce)
        assert await outbox.sign("one", replace(transaction_of(nonce, gas=gas), attempts=(fees,)))
    assert await outbox.committed(SENDER, MOMENT) == gas * (4 * 2**200 + 6)
    newest = replace(attempt_of(3, 1), max_fee=2**210)
    assert await outbox.replace("one", SENDER, 3, newest)
    await outbox.final("one", SENDER, 0, inclusion_of(attempt_of(0), fee=2**220 + 1))
    await outbox.lost("one", SENDER, 1)
    await outbox.mined("one", SENDER, 2, inclusion_of(attempt_of(2), fee=1))
    assert await outbox.committed(SENDER, MOMENT) == 2**220 + 1 + gas * (2**200 + 2 + 2**210)
    # What is in flight may still cost it, however old it is.
    after = MOMENT + timedelta(seconds=1)
    assert await outbox.committed(SENDER, after) == gas * (2**200 + 2 + 2**210)
    assert await outbox.committed(OTHER_SENDER, MOMENT) == 0
    await rows.close()
