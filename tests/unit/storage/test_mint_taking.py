"""Which mints a worker may take, what it is told of each, and which fail because nothing can be made of them."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from gitex.metadata import prompt_history_sha256
from gitex.minting import MAX_PROMPT_BYTES, MintJob
from gitex.publishing import PublicationState
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore
from storage.database import transaction
from storage.ipfs.unixfs import file_cid
from storage.tables import AssetRecord, PublicationRecord
from tests.fakes.mint_outbox import ALICE, CONTRACT, SENDER, MintRows, order_of, transaction_of
from tests.fakes.minted_assets import WEIGHTS, asset_of, document_of

LONG = timedelta(minutes=1)
AT_ONCE = timedelta(0)


async def test_a_job_has_all_that_a_transaction_needs(rows: MintRows) -> None:
    (mint,) = await rows.request([1])
    (job,) = await rows.outbox.take(SENDER, "one", CONTRACT, 10)
    asset = asset_of(1)
    assert job == MintJob(
        mint_id=mint.id,
        order=mint.order,
        metadata_codec=0x55,
        metadata_digest=file_cid([document_of(asset.id)]).digest,
        model_digest=bytes.fromhex(WEIGHTS),
        prompt=b'["a star","a star and 1 rings \\u2606"]',
        alone=False,
    )
    assert hashlib.sha256(job.prompt).hexdigest() == prompt_history_sha256(asset.prompt_history)


async def test_a_document_of_several_blocks_has_the_other_codec(rows: MintRows) -> None:
    await rows.request([1])
    cid = file_cid([b"x" * 300_000])
    async with transaction(rows.engine) as session:
        await session.execute(update(PublicationRecord).values(metadata_cid=str(cid)))
    (job,) = await rows.outbox.take(SENDER, "one", CONTRACT, 10)
    assert (job.metadata_codec, job.metadata_digest) == (0x70, cid.digest)


async def test_the_oldest_are_taken_first_and_no_more_than_asked_for(rows: MintRows) -> None:
    mints = [mint.id for mint in await rows.request(range(5))]
    assert await rows.take(2) == mints[:2]
    assert await rows.take() == mints


@pytest.mark.parametrize("publication", [None, "queued", "pinning"])
async def test_one_whose_asset_is_not_published_waits_and_holds_up_no_others(
    rows: MintRows, publication: PublicationState | None
) -> None:
    (waiting,) = await rows.request([1], publication)
    (ready,) = await rows.request([2])
    assert await rows.take(1) == [ready.id]
    assert (await rows.mints.get(waiting.id)).state == "reserved"


async def test_mints_of_other_contracts_and_chains_are_not_taken(rows: MintRows) -> None:
    order = order_of(await rows.save(1))
    await rows.mints.request(replace(order, contract=ALICE))
    await rows.mints.request(replace(order, chain_id=1))
    assert await rows.take() == []


async def test_one_whose_asset_was_deleted_fails(rows: MintRows, tmp_path: Path) -> None:
    gone, kept, unpublished = (*await rows.request([1, 2]), *await rows.request([3], "queued"))
    assets = SqlAssetStore(rows.engine, LocalBlobStore(tmp_path))
    for asset_id in ("ast_1", "ast_3"):
        await assets.delete(asset_id, None)
    assert await rows.take() == [kept.id]
    for mint in (gone, unpublished):
        failed = await rows.mints.get(mint.id)
        assert (failed.state, failed.reason) == ("failed", "its asset was deleted")
    assert (await rows.mints.request(order_of(asset_of(1)))).state == "reserved"
    await rows.take()
    assert (await rows.mints.get(gone.id)).state == "failed"


async def test_one_whose_asset_has_no_row_fails(rows: MintRows) -> None:
    mint = await rows.mints.request(order_of(asset_of(1)))
    assert await rows.take() == []
    assert (await rows.mints.get(mint.id)).reason == "its asset was deleted"


async def test_one_whose_asset_cannot_be_published_fails_and_may_be_asked_for_again(rows: MintRows) -> None:
    (mint,) = await rows.request([1])
    await rows.set_publication("ast_1", "failed", "kubo: names other content")
    assert await rows.take() == []
    failed = await rows.mints.get(mint.id)
    assert (failed.state, failed.reason) == ("failed", "its asset could not be published: kubo: names other content")
    await rows.set_publication("ast_1", "published")
    await rows.mints.request(mint.order)
    assert await rows.take() == [mint.id]


@pytest.mark.parametrize(
    ("weights", "history", "reason"),
    [
        ("", '["a star"]', "its provenance cannot be written on chain: '' is not the SHA-256 of a model's weights"),
        (f"sha256:{'z' * 64}", '["a star"]', "its provenance cannot be written on chain"),
        (f"sha256:{WEIGHTS}", f'["{"x" * MAX_PROMPT_BYTES}"]', "its prompt history has 16388 bytes"),
    ],
)
async def test_one_that_no_token_can_hold_fails_alone(rows: MintRows, weights: str, history: str, reason: str) -> None:
    hopeless, fine = await rows.request([1, 2])
    async with transaction(rows.engine) as session:
        await session.execute(
            update(AssetRecord).where(AssetRecord.id == "ast_1").values(weights_digest=weights, prompt_history=history)
        )
    assert await rows.take(1) == [fine.id]
    assert (await rows.mints.get(hopeless.id)).reason.startswith(reason)


async def test_a_prompt_history_of_the_limit_is_minted(rows: MintRows) -> None:
    (mint,) = await rows.request([1])
    async with transaction(rows.engine) as session:
        await session.execute(update(AssetRecord).values(prompt_history=f'["{"x" * (MAX_PROMPT_BYTES - 4)}"]'))
    assert await rows.take() == [mint.id]


async def test_a_mint_that_was_let_go_waits_for_its_pause(rows: MintRows) -> None:
    later, now = await rows.request([1, 2])
    await rows.take()
    assert await rows.outbox.again("one", SENDER, [later.id], reason="no funds", after=timedelta(hours=1))
    assert await rows.outbox.again("one", SENDER, [now.id], reason="", after=AT_ONCE)
    assert await rows.take() == [now.id]
    assert (await rows.mints.get(later.id)).reason == "no funds"
    await rows.make_due()
    assert await rows.take() == [later.id, now.id]
    assert await rows.outbox.sign("one", transaction_of(0, [later.id]))
    assert (await rows.mints.get(later.id)).reason == ""
