"""Keys from encrypted keystore files (Ethereum's "Web3 Secret Storage", version 3), as geth and foundry write them."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from eth_account import Account
from pydantic import SecretStr

from chain.held_keys import HeldKey, HeldKeys
from gitex.errors import SettingsError

_FILES, _PASSWORD = "GITEX_CHAIN_KEYSTORES", "GITEX_CHAIN_KEYSTORE_PASSWORD"
_LONGEST_FILE = 64 * 1024


async def open_keystores(paths: Sequence[Path], password: SecretStr, chain_id: int) -> HeldKeys:
    """Decrypt all of them, once: it takes about a second of a processor each, in a thread.

    Raises `SettingsError` that names the file or the password's setting.
    """
    keys = [await asyncio.to_thread(_decrypted, path, password) for path in paths]
    found: dict[str, Path] = {}
    for path, key in zip(paths, keys, strict=True):
        if key.address in found:
            raise SettingsError(f"{_FILES}: {path} and {found[key.address]} have the same key", param=_FILES)
        found[key.address] = path
    return HeldKeys(keys, chain_id)


def _decrypted(path: Path, password: SecretStr) -> HeldKey:
    content = _content(path)
    try:
        key = HeldKey(Account.decrypt(content, password.get_secret_value()))
    except Exception as problem:
        # Not chained: nobody promises what the libraries' words have in them.
        wrong_password = isinstance(problem, ValueError) and "MAC mismatch" in str(problem)
        raise _unusable(path, wrong_password=wrong_password) from None
    named = str(content.get("address", key.address)).lower().removeprefix("0x")
    if named != key.address.lower().removeprefix("0x"):
        raise SettingsError(f"{_FILES}: {path} names another address than its key has", param=_FILES)
    return key


def _content(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LONGEST_FILE))
    except OSError as problem:
        raise SettingsError(f"{_FILES}: {path} cannot be read: {problem.strerror}", param=_FILES) from None
    except (ValueError, RecursionError):
        raise _unusable(path, wrong_password=False) from None
    if (
        not isinstance(content, dict)
        or {str(name).lower(): value for name, value in content.items()}.get("version") != 3
    ):
        raise _unusable(path, wrong_password=False)
    return content


def _unusable(path: Path, *, wrong_password: bool) -> SettingsError:
    if wrong_password:
        return SettingsError(f"{_PASSWORD} does not open {path}", param=_PASSWORD)
    return SettingsError(f"{_FILES}: {path} is no encrypted keystore file of version 3", param=_FILES)
