"""The addresses file, and what is planned before there is one."""

from pathlib import Path

import pytest

from chain.abi import decode_values
from chain.addresses import Addresses, addresses_file, load_addresses, save_addresses
from chain.artifacts import load_artifact
from chain.creations import created_address
from chain.deployment_plan import SYSTEM, Plan
from configs.chains import load_chain
from gitex.errors import SettingsError

KEY = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ADDRESSES = Addresses(
    chain_id=31337,
    deployed_at_block=1,
    deployer=KEY,
    minter=KEY,
    timelock=created_address(KEY, 10),
    governor=created_address(KEY, 11),
    gtx=created_address(KEY, 12),
    vault=created_address(KEY, 13),
    nft=created_address(KEY, 14),
    system_deployer=created_address(KEY, 3),
    implementations={"GTX": created_address(KEY, 0), "GitexNFT": created_address(KEY, 1), "FeeVault": KEY},
    transactions={"GTX": "0x" + "ab" * 32},
)


def test_addresses_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    save_addresses(tmp_path / "deep", ADDRESSES)
    assert load_addresses(tmp_path / "deep", 31337) == ADDRESSES


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="gitex chain deploy") as refusal:
        load_addresses(tmp_path, 31337)
    assert refusal.value.param == "GITEX_CHAIN_ADDRESSES"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"chain_id": 31337', '"chain_id": 1'),
        (ADDRESSES.nft, ADDRESSES.nft.swapcase().replace("0X", "0x")),
        (ADDRESSES.gtx, "0x00"),
        ("{", ""),
        ('"nft"', '"nftt"'),
    ],
)
def test_a_file_that_was_changed_by_hand_is_refused(tmp_path: Path, old: str, new: str) -> None:
    save_addresses(tmp_path, ADDRESSES)
    file = addresses_file(tmp_path, 31337)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(SettingsError):
        load_addresses(tmp_path, 31337)


def test_a_folder_that_cannot_be_written_is_named_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="GITEX_CHAIN_ADDRESSES"):
        save_addresses(tmp_path / "file", ADDRESSES)


@pytest.mark.parametrize(
    ("nonce", "address"),
    [
        (0, "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        (1, "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
        (127, "0x5fc748f1FEb28d7b76fa1c6B07D8ba2d5535177c"),
        (128, "0xB82008565FdC7e44609fA118A4a681E92581e680"),
    ],
)
def test_addresses_of_contracts_follow_from_key_and_nonce(nonce: int, address: str) -> None:
    assert created_address(KEY, nonce) == address


@pytest.mark.parametrize("name", ["local", "sepolia", "amoy", "bnb-testnet"])
def test_a_plan_says_what_the_chain_says(name: str) -> None:
    terms = load_chain(name).deployment
    code = Plan(terms, KEY, ADDRESSES.nft).system_code(ADDRESSES.implementations)
    artifact = load_artifact(SYSTEM)
    (constructor,) = artifact.of_kind("constructor")
    (config,) = decode_values(constructor.inputs, code.removeprefix(artifact.bytecode))
    assert config["holder"] == KEY
    assert config["minter"] == ADDRESSES.nft
    assert config["initialSupply"] == terms.initial_supply * 10**18
    assert config["votingPeriod"] == terms.voting_period
    assert [tier["name"].rstrip(b"\0").decode() for tier in config["tiers"]] == [tier.name for tier in terms.tiers]
    assert [tier["minStake"] for tier in config["tiers"]] == [tier.min_stake * 10**18 for tier in terms.tiers]


def test_a_name_that_does_not_fit_into_a_word_is_refused() -> None:
    terms = load_chain("local").deployment
    tier = terms.tiers[0].model_copy(update={"features": ("ä",)})
    with pytest.raises(SettingsError, match="ASCII"):
        Plan(terms.model_copy(update={"tiers": (tier,)}), KEY, KEY).system_code(ADDRESSES.implementations)
