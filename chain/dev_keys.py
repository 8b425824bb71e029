"""The keys that every tool for local chains comes with. Everybody has them, so they sign for the local chain only."""

from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

from chain.held_keys import HeldKey, HeldKeys
from configs.chains import LOCAL_CHAIN_ID, Chain
from gitex.errors import SettingsError

MNEMONIC = "test test test test test test test test test test test junk"


def dev_keys(chain: Chain, count: int = 1) -> HeldKeys:
    """The first `count` of them. Raises `SettingsError` on any chain but the local one."""
    if chain.chain_id != LOCAL_CHAIN_ID:
        raise SettingsError(f"development keys are not taken on {chain.name}", param="GITEX_CHAIN")
    seed = seed_from_mnemonic(MNEMONIC, "")
    keys = [HeldKey(key_from_seed(seed, f"m/44'/60'/0'/0/{number}")) for number in range(count)]
    return HeldKeys(keys, chain.chain_id)
