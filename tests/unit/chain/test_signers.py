"""Which keys sign, by the settings."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from chain.dev_keys import dev_keys
from chain.signers import open_signer
from configs.chains import load_chain
from configs.settings import Settings
from gitex.errors import SettingsError
from tests.fakes.rpc_server import RpcServer
from tests.fakes.signing_server import KEY, SIGNER, is_web3signer


def settings(folder: Path, **given: Any) -> Settings:
    return Settings(data_dir=folder, **given)


async def test_without_settings_the_local_chain_has_the_first_development_key(tmp_path: Path) -> None:
    chain = load_chain("local")
    assert (await open_signer(settings(tmp_path), chain)).addresses == dev_keys(chain).addresses
    assert len(dev_keys(chain).addresses) == 1


@pytest.mark.parametrize("name", ["sepolia", "amoy", "bnb-testnet"])
async def test_any_other_chain_needs_keys_and_says_where_from(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"GITEX_CHAIN_KEYSTORES .* or GITEX_CHAIN_SIGNER_URL"):
        await open_signer(settings(tmp_path), load_chain(name))


async def test_keystores_sign_on_any_chain(tmp_path: Path) -> None:
    path = tmp_path / "minter.json"
    path.write_text(json.dumps(Account.encrypt(KEY, "correct horse", kdf="pbkdf2", iterations=2)))
    given = settings(tmp_path, chain_keystores=str(path), chain_keystore_password="correct horse")
    for name in ("sepolia", "local"):
        assert (await open_signer(given, load_chain(name))).addresses == (SIGNER.address,)


async def test_a_signer_elsewhere_signs_on_any_chain(tmp_path: Path, server: RpcServer) -> None:
    is_web3signer(server)
    signer = await open_signer(settings(tmp_path, chain_signer_url=server.url), load_chain("sepolia"))
    assert signer.addresses == (SIGNER.address,)
