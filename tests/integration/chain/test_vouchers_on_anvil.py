"""Vouchers, redeemed at the real contract by the creator's own key."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chain.node import Call
from chain.reading import read
from chain.vouchers import VoucherDesk
from gitex.errors import Reverted
from gitex.vouchers import Voucher
from tests.integration.chain.wallets import Street, mint_job

CREATOR, RECIPIENT, STRANGER = 1, 2, 3
PRICE = 10**15


async def _voucher(
    town: Street, picture: bytes, *, price: int = PRICE, lasts_s: int = 3600, signer: int = 0
) -> Voucher:
    deployed = town.deployed
    address = deployed.signer.addresses[signer]
    desk = VoucherDesk(deployed.signer, address, deployed.chain.chain_id, deployed.addresses.nft)
    job = mint_job(town.order(picture, CREATOR, recipient=RECIPIENT, royalty_bps=500))
    now = datetime.fromtimestamp((await town.node.head()).timestamp, UTC)
    return await desk.issue(job, price=price, deadline=now + timedelta(seconds=lasts_s))


async def _redeem(town: Street, voucher: Voucher, sender: int = CREATOR, value: int | None = None) -> None:
    """The transaction that the voucher is: its contract, its calldata, its price."""
    value = voucher.price if value is None else value
    await town.wallet(sender).send(voucher.contract, bytes.fromhex(voucher.calldata[2:]), value)


async def test_the_creator_redeems_it_and_pays_its_price(town: Street) -> None:
    voucher = await _voucher(town, b"redeemed")
    before = await town.node.balance(town.vault.address)
    await _redeem(town, voucher)
    assert await read(town.node, town.nft, "ownerOf", voucher.token_id) == town.wallet(RECIPIENT).address
    provenance = await read(town.node, town.nft, "provenanceOf", voucher.token_id)
    assert (provenance["creator"], provenance["royaltyBps"]) == (town.wallet(CREATOR).address, 500)
    assert await town.node.balance(town.vault.address) == before + PRICE
    assert await read(town.node, town.nft, "isVoucherUsed", bytes.fromhex(voucher.uid[2:]))


async def test_its_digest_is_the_one_on_chain(town: Street) -> None:
    voucher = await _voucher(town, b"digest", price=2**200)
    message = voucher.typed_data["message"]
    request = {
        name: bytes.fromhex(value[2:])
        if name in ("assetDigest", "metadataDigest", "modelDigest", "prompt")
        else int(value)
        if name in ("metadataCodec", "royaltyBps")
        else value
        for name, value in message["request"].items()
    }
    values = (bytes.fromhex(message["uid"][2:]), int(message["deadline"]), int(message["price"]), request)
    assert f"0x{(await read(town.node, town.nft, 'voucherDigest', values)).hex()}" == voucher.digest


async def test_nobody_else_may_redeem_it(town: Street) -> None:
    voucher = await _voucher(town, b"stranger")
    for sender in (STRANGER, RECIPIENT, 0):
        with pytest.raises(Reverted, match="may redeem this voucher") as refused:
            await _redeem(town, voucher, sender)
        assert refused.value.error == "GitexNFT__NotTheCreator"
    await _redeem(town, voucher)


@pytest.mark.parametrize("value", [0, PRICE - 1, PRICE + 1])
async def test_only_the_exact_price_is_taken(town: Street, value: int) -> None:
    voucher = await _voucher(town, b"price %d" % value)
    with pytest.raises(Reverted, match="the voucher costs") as refused:
        await _redeem(town, voucher, value=value)
    assert refused.value.error == "GitexNFT__WrongPrice"


async def test_it_is_good_once(town: Street) -> None:
    voucher = await _voucher(town, b"once")
    await _redeem(town, voucher)
    with pytest.raises(Reverted) as refused:
        await _redeem(town, voucher)
    assert refused.value.error == "GitexNFT__VoucherUsed"
    # Nor does another voucher mint the asset twice.
    with pytest.raises(Reverted) as refused:
        await _redeem(town, await _voucher(town, b"once"))
    assert refused.value.error == "GitexNFT__AlreadyMinted"


async def test_it_is_good_until_its_deadline(town: Street) -> None:
    voucher = await _voucher(town, b"late", lasts_s=600)
    await town.pass_time(700)
    with pytest.raises(Reverted, match="UTC") as refused:
        await _redeem(town, voucher)
    assert refused.value.error == "GitexNFT__VoucherExpired"


async def test_a_cancelled_one_is_void(town: Street) -> None:
    voucher = await _voucher(town, b"cancelled")
    await town.wallet(0).call(town.nft, "cancelVoucher", bytes.fromhex(voucher.uid[2:]))
    with pytest.raises(Reverted) as refused:
        await _redeem(town, voucher)
    assert refused.value.error == "GitexNFT__VoucherUsed"


async def test_a_key_that_may_not_mint_signs_for_nothing(town: Street) -> None:
    voucher = await _voucher(town, b"no minter", signer=STRANGER)
    with pytest.raises(Reverted) as refused:
        await _redeem(town, voucher)
    assert refused.value.error == "GitexNFT__WrongSignature"


async def test_a_changed_word_of_it_breaks_the_signature(town: Street) -> None:
    voucher = await _voucher(town, b"changed", price=0)
    for place in (4 + 32 * 5, len(voucher.calldata) // 2 - 40):
        data = bytearray.fromhex(voucher.calldata[2:])
        data[place] ^= 1
        with pytest.raises(Reverted):
            await town.node.call(Call(voucher.contract, bytes(data), town.wallet(CREATOR).address))
    await _redeem(town, voucher)


async def test_a_voucher_for_another_contract_is_worth_nothing_here(town: Street) -> None:
    deployed = town.deployed
    desk = VoucherDesk(deployed.signer, deployed.signer.addresses[0], deployed.chain.chain_id, deployed.addresses.vault)
    order = town.order(b"elsewhere", CREATOR)
    job = mint_job(replace(order, contract=deployed.addresses.vault))
    voucher = await desk.issue(job, price=0, deadline=datetime.now(UTC) + timedelta(days=9))
    with pytest.raises(Reverted) as refused:
        await town.wallet(CREATOR).send(town.nft.address, bytes.fromhex(voucher.calldata[2:]))
    assert refused.value.error == "GitexNFT__WrongSignature"
