"""Orders of tokens: reserved once each, whoever asks, however often, and from however many places at once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select, update

from gitex.errors import Conflict, NotFound
from gitex.minting import Mint, MintState
from gitex.ports import Mints
from storage.chain_tables import IdempotencyKeyRecord, MintRecord
from storage.database import transaction
from storage.tables import AssetRecord
from tests.fakes.mint_outbox import ALICE, BOB, CHAIN_ID, CONTRACT, MintRows, open_rows, order_of

ELSEWHERE = "0x" + "EE" * 20


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[MintRows]:
    rows = await open_rows(database_url)
    yield rows
    await rows.close()


async def _set_state(rows: MintRows, mint: Mint, state: MintState, reason: str = "") -> None:
    async with transaction(rows.engine) as session:
        await session.execute(update(MintRecord).where(MintRecord.id == mint.id).values(state=state, reason=reason))


async def _count(rows: MintRows, record: type[MintRecord] | type[IdempotencyKeyRecord]) -> int:
    async with transaction(rows.engine) as session:
        return await session.scalar(select(func.count()).select_from(record)) or 0


async def test_a_request_is_kept_as_it_was_ordered(rows: MintRows) -> None:
    mints: Mints = rows.mints
    order = order_of(await rows.save(1))
    made = await mints.request(order)
    assert (made.order, made.state, made.reason, made.transaction) == (order, "reserved", "", "")
    assert (made.block_number, made.finalized_at) == (None, None)
    assert await mints.get(made.id) == made
    assert await mints.of_asset(order.asset_sha256, CHAIN_ID, CONTRACT) == made


async def test_the_same_order_again_is_the_same_mint_also_with_other_terms(rows: MintRows) -> None:
    order = order_of(await rows.save(1))
    made = await rows.mints.request(order)
    again = await rows.mints.request(replace(order, recipient=ALICE.lower(), royalty_bps=0, creator=BOB))
    assert again == made
    assert await _count(rows, MintRecord) == 1


async def test_an_asset_is_minted_for_one_recipient_on_one_contract(rows: MintRows) -> None:
    asset = await rows.save(1)
    first = await rows.mints.request(order_of(asset))
    with pytest.raises(Conflict, match="another recipient") as caught:
        await rows.mints.request(order_of(asset, BOB))
    assert caught.value.param == "recipient"
    elsewhere = await rows.mints.request(replace(order_of(asset, BOB), contract=ELSEWHERE))
    other_chain = await rows.mints.request(replace(order_of(asset, BOB), chain_id=11155111))
    assert len({first.id, elsewhere.id, other_chain.id}) == 3


async def test_other_assets_with_the_same_bytes_are_the_same_token(rows: MintRows) -> None:
    first, second = await rows.save(1), await rows.save(2)
    made = await rows.mints.request(order_of(first))
    twin = replace(order_of(second), asset_sha256=first.sha256)
    assert await rows.mints.request(twin) == made
    with pytest.raises(Conflict):
        await rows.mints.request(replace(twin, recipient=BOB))


@pytest.mark.parametrize("state", ["signed", "broadcast", "mined", "final"])
async def test_only_one_that_failed_is_tried_again(rows: MintRows, state: MintState) -> None:
    order = order_of(await rows.save(1))
    made = await rows.mints.request(order)
    await _set_state(rows, made, state)
    assert (await rows.mints.request(order)).state == state
    await _set_state(rows, made, "failed", "the contract refused it")
    assert (await rows.mints.get(made.id)).reason == "the contract refused it"
    again = await rows.mints.request(replace(order, royalty_bps=100, creator=BOB))
    assert (again.id, again.state, again.reason) == (made.id, "reserved", "")
    assert (again.order.royalty_bps, again.order.creator) == (100, BOB)


async def test_one_that_failed_leaves_its_token_to_others_for_good(rows: MintRows) -> None:
    asset = await rows.save(1)
    first = await rows.mints.request(order_of(asset))
    await _set_state(rows, first, "failed")
    second = await rows.mints.request(order_of(asset, BOB))
    assert second.id != first.id
    with pytest.raises(Conflict, match="another recipient"):
        await rows.mints.request(order_of(asset))
    assert (await rows.mints.get(first.id)).state == "failed"


async def test_of_an_asset_that_which_stands_is_shown_else_that_which_failed_last(rows: MintRows) -> None:
    asset = await rows.save(1)
    assert await rows.mints.of_asset(asset.sha256, CHAIN_ID, CONTRACT) is None
    first = await rows.mints.request(order_of(asset))
    await _set_state(rows, first, "failed")
    second = await rows.mints.request(order_of(asset, BOB))
    shown = await rows.mints.of_asset(asset.sha256, CHAIN_ID, CONTRACT)
    assert shown is not None
    assert shown.id == second.id
    await _set_state(rows, second, "failed")
    await rows.mints.request(order_of(asset))
    await _set_state(rows, first, "failed")
    shown = await rows.mints.of_asset(asset.sha256, CHAIN_ID, CONTRACT)
    assert shown is not None
    assert shown.id == first.id
    assert await rows.mints.of_asset(asset.sha256, 1, CONTRACT) is None
    assert await rows.mints.of_asset(asset.sha256, CHAIN_ID, ELSEWHERE) is None


async def test_a_mint_that_nobody_asked_for_is_not_found(rows: MintRows) -> None:
    with pytest.raises(NotFound):
        await rows.mints.get("mnt_1")


async def test_a_reserved_mint_says_what_it_waits_for(rows: MintRows) -> None:
    (waiting,) = await rows.request([1], "pinning")
    assert waiting.reason == "its asset is being published"
    await rows.set_publication("ast_1", "published")
    assert (await rows.mints.get(waiting.id)).reason == ""
    await rows.set_publication("ast_1", "failed")
    assert (await rows.mints.get(waiting.id)).reason == "its asset could not be published"
    (unasked,) = await rows.request([2], None)
    assert unasked.reason == "its asset is not published"
    await _set_state(rows, unasked, "final")
    assert (await rows.mints.get(unasked.id)).reason == ""


async def test_an_idempotency_key_is_for_one_order(rows: MintRows) -> None:
    first, second = order_of(await rows.save(1)), order_of(await rows.save(2))
    made = await rows.mints.request(first, idempotency_key="k")
    assert await rows.mints.request(first, idempotency_key="k") == made
    with pytest.raises(Conflict, match="Idempotency-Key"):
        await rows.mints.request(second, idempotency_key="k")
    assert await _count(rows, MintRecord) == 1
    assert (await rows.mints.request(second, idempotency_key="l")).order == second
    assert (await rows.mints.request(first, idempotency_key="m")).id == made.id


async def test_a_refused_order_uses_up_no_idempotency_key(rows: MintRows) -> None:
    asset = await rows.save(1)
    await rows.mints.request(order_of(asset))
    with pytest.raises(Conflict, match="recipient"):
        await rows.mints.request(order_of(asset, BOB), idempotency_key="k")
    assert await _count(rows, IdempotencyKeyRecord) == 0


async def test_idempotency_keys_of_others_are_others(rows: MintRows) -> None:
    first, second = order_of(await rows.save(1)), order_of(await rows.save(2))
    async with transaction(rows.engine) as session:
        await session.execute(update(AssetRecord).where(AssetRecord.id == "ast_2").values(creator="somebody else"))
    made = await rows.mints.request(first, idempotency_key="k")
    other = await rows.mints.request(second, idempotency_key="k")
    assert made.id != other.id


async def test_fifty_requests_at_once_are_one_row(rows: MintRows) -> None:
    order = order_of(await rows.save(1))
    made = await asyncio.gather(*(rows.mints.request(order, idempotency_key=f"k{n % 3}") for n in range(50)))
    assert len({mint.id for mint in made}) == 1
    assert (await _count(rows, MintRecord), await _count(rows, IdempotencyKeyRecord)) == (1, 3)


async def test_fifty_requests_at_once_try_a_failed_one_again_once(rows: MintRows) -> None:
    order = order_of(await rows.save(1))
    await _set_state(rows, await rows.mints.request(order), "failed")
    made = await asyncio.gather(*(rows.mints.request(order) for _ in range(50)))
    assert {mint.state for mint in made} == {"reserved"}
    assert len({mint.id for mint in made}) == 1


@pytest.mark.parametrize("failed_before", [False, True])
async def test_of_two_recipients_at_once_one_gets_the_asset(rows: MintRows, failed_before: bool) -> None:
    for number in range(10):
        asset = await rows.save(number)
        orders = order_of(asset), order_of(asset, BOB)
        if failed_before:
            for order in orders:
                await _set_state(rows, await rows.mints.request(order), "failed")
        results = await asyncio.gather(*map(rows.mints.request, orders), return_exceptions=True)
        (refused,) = (each for each in results if isinstance(each, BaseException))
        assert isinstance(refused, Conflict)
        (made,) = (each for each in results if isinstance(each, Mint))
        standing = await rows.mints.of_asset(asset.sha256, CHAIN_ID, CONTRACT)
        assert standing is not None
        assert (standing.id, standing.state) == (made.id, "reserved")


async def test_of_two_orders_at_once_one_gets_the_idempotency_key(rows: MintRows) -> None:
    for number in range(0, 20, 2):
        orders = [order_of(await rows.save(number)), order_of(await rows.save(number + 1))]
        asked = (rows.mints.request(order, idempotency_key=f"k{number}") for order in orders)
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(type(each).__name__ for each in results) == ["Conflict", "Mint"]
    assert await _count(rows, MintRecord) == 10
