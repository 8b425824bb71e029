"""Keys in memory: keystore files, and the development keys."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from pydantic import SecretStr

from chain.dev_keys import dev_keys
from chain.held_keys import HeldKey
from chain.keystore import open_keystores
from configs.chains import LOCAL_CHAIN_ID, load_chain
from gitex.errors import SettingsError
from tests.fakes.signing_examples import BOB, CREATION, TRANSACTION, TYPED_DATA
from tests.fakes.signing_server import KEY, SIGNER, THIRD_KEY

PASSWORD = SecretStr("correct horse")
CHEAP = {"kdf": "pbkdf2", "iterations": 2}


def keystore(folder: Path, name: str = "minter.json", key: bytes = KEY, **changes: Any) -> Path:
    path = folder / name
    content = Account.encrypt(key, PASSWORD.get_secret_value(), **CHEAP) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    return path


async def test_a_keystore_signs_transactions_of_type_2(tmp_path: Path) -> None:
    signer = await open_keystores([keystore(tmp_path)], PASSWORD, LOCAL_CHAIN_ID)
    assert signer.addresses == (SIGNER.address,)
    for wanted in (TRANSACTION, CREATION):
        signed = await signer.sign_transaction(SIGNER.address, wanted)
        assert signed.raw[0] == 2
        assert Account.recover_transaction(signed.raw) == SIGNER.address
        found = TypedTransaction.from_bytes(HexBytes(signed.raw))
        assert "0x" + found.hash().hex() != signed.hash, "the hash is of the signed one"
        fields = found.as_dict()
        assert fields["nonce"] == wanted.nonce
        assert fields["maxFeePerGas"] == wanted.max_fee
        assert bytes(fields["to"]) == bytes.fromhex(wanted.to[2:])
        assert fields["accessList"] == ()


async def test_a_keystore_signs_typed_data(tmp_path: Path) -> None:
    signer = await open_keystores([keystore(tmp_path)], PASSWORD, LOCAL_CHAIN_ID)
    signature = await signer.sign_typed_data(SIGNER.address, TYPED_DATA)
    assert (len(signature), signature[64] in (27, 28)) == (65, True)
    assert Account.recover_message(encode_typed_data(full_message=TYPED_DATA), signature=signature) == SIGNER.address
    with pytest.raises(ValueError, match="no typed data"):
        await signer.sign_typed_data(SIGNER.address, TYPED_DATA | {"message": {}})


async def test_scrypt_files_without_an_address_and_with_big_letters_are_read(tmp_path: Path) -> None:
    made = Account.encrypt(KEY, PASSWORD.get_secret_value(), kdf="scrypt", iterations=2)
    del made["address"]
    path = tmp_path / "minter"
    path.write_text(json.dumps({"Crypto": made.pop("crypto"), **made}))
    assert (await open_keystores([path], PASSWORD, LOCAL_CHAIN_ID)).addresses == (SIGNER.address,)


async def test_several_keystores_are_several_senders(tmp_path: Path) -> None:
    paths = [keystore(tmp_path), keystore(tmp_path, "other.json", THIRD_KEY)]
    signer = await open_keystores(paths, PASSWORD, LOCAL_CHAIN_ID)
    assert signer.addresses == (SIGNER.address, HeldKey(THIRD_KEY).address)
    with pytest.raises(SettingsError, match="same key"):
        await open_keystores([paths[0], keystore(tmp_path, "copy.json")], PASSWORD, LOCAL_CHAIN_ID)


async def test_a_wrong_password_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"GITEX_CHAIN_KEYSTORE_PASSWORD does not open .*minter.json") as raised:
        await open_keystores([keystore(tmp_path)], SecretStr("wrong staple"), LOCAL_CHAIN_ID)
    assert raised.value.param == "GITEX_CHAIN_KEYSTORE_PASSWORD"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"{",
        b'{"version": 3}',
        b'{"version": 3, "crypto": 5}',
        b'{"version": 4, "crypto": {}}',
        b'{"version": 1, "crypto": {}}',
        b'{"version": 3, "crypto": {"kdf": "other"}}',
        KEY.hex().encode(),
    ],
)
async def test_what_is_no_keystore_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "minter.json").write_bytes(content)
    with pytest.raises(SettingsError, match=r"GITEX_CHAIN_KEYSTORES: .*minter.json is no encrypted") as raised:
        await open_keystores([tmp_path / "minter.json"], PASSWORD, LOCAL_CHAIN_ID)
    assert raised.value.param == "GITEX_CHAIN_KEYSTORES"
    assert KEY.hex() not in str(raised.value)


async def test_a_keystore_that_is_not_there_or_lies_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone.json cannot be read: No such file"):
        await open_keystores([tmp_path / "gone.json"], PASSWORD, LOCAL_CHAIN_ID)
    with pytest.raises(SettingsError, match="names another address"):
        await open_keystores([keystore(tmp_path, address=BOB[2:])], PASSWORD, LOCAL_CHAIN_ID)


async def test_keys_sign_for_their_chain_and_for_their_addresses_only(tmp_path: Path) -> None:
    signer = await open_keystores([keystore(tmp_path)], PASSWORD, 97)
    with pytest.raises(SettingsError, match="for chain 97, not for 31337"):
        await signer.sign_transaction(SIGNER.address, TRANSACTION)
    with pytest.raises(SettingsError, match="for chain 97, not for 31337"):
        await signer.sign_typed_data(SIGNER.address, TYPED_DATA)
    with pytest.raises(SettingsError, match="no key of 0x7099"):
        await (await open_keystores([keystore(tmp_path)], PASSWORD, LOCAL_CHAIN_ID)).sign_transaction(BOB, TRANSACTION)


def test_the_development_keys_are_the_published_ones_and_of_the_local_chain_only() -> None:
    assert dev_keys(load_chain("local"), 2).addresses == ("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", BOB)
    for name in ("sepolia", "amoy", "bnb-testnet"):
        with pytest.raises(SettingsError, match="development keys"):
            dev_keys(load_chain(name))


@pytest.mark.parametrize("key", [b"", b"\1" * 31, b"\1" * 33, bytes(32), b"\xff" * 32])
def test_bytes_that_are_no_key_are_refused_without_showing_them(key: bytes) -> None:
    with pytest.raises(ValueError, match=r"^this is no key of an account$") as raised:
        HeldKey(key)
    assert raised.value.__suppress_context__
