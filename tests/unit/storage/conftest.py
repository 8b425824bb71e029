"""What several tests of the stores begin with."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.fakes.mint_outbox import SENDER, MintRows, open_rows


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[MintRows]:
    """The rows of minting, with a sender that the worker `one` has leased."""
    rows = await open_rows(database_url)
    assert await rows.outbox.lease(SENDER, "one", timedelta(minutes=1))
    yield rows
    await rows.close()
