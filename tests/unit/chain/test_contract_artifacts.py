"""The contracts: compiled anew and compared with the committed artifacts, tested by forge, and validated for upgrades.

Needs Node 20 and npm; installs what chain/contracts/package-lock.json names, if it is not there.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from chain.anvil import CONTRACTS
from chain.install import alone, install

ARTIFACTS = CONTRACTS / "artifacts"
NAMES = ("FeeVault", "GTX", "GitexDeployer", "GitexGovernor", "GitexNFT", "GitexProxy", "TimelockController")
CREATE_LIMIT = 24_576
"""Bytes of a contract's code (EIP-170)."""
LONGEST_S = 580
"""Of one program; installing is the longest on a slow line."""

# npm's compiler takes half a minute of a whole core, more beside other tests.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def compiled() -> Iterator[subprocess.CompletedProcess[str]]:
    """All is compiled anew, and nobody else compiles in this folder meanwhile. What the comparison said."""
    install(dev=True)
    with alone():
        yield _ran("node", "build.mjs", "--check")


def test_the_artifacts_are_what_the_sources_compile_to_byte_for_byte(
    compiled: subprocess.CompletedProcess[str],
) -> None:
    assert compiled.returncode == 0, compiled.stderr


@pytest.mark.usefixtures("compiled")
def test_the_contracts_pass_their_tests_and_cost_the_gas_that_is_checked_in() -> None:
    said = _run("node", "forge.mjs", "test")
    assert "0 failed, 0 skipped" in said
    gas = {file.stem: json.loads(file.read_text()) for file in (CONTRACTS / "snapshots").glob("*.json")}
    assert set(gas) == {"FeeVault", "GTX", "GitexNFT"}


@pytest.mark.usefixtures("compiled")
def test_the_contracts_can_be_upgraded_without_moving_their_state() -> None:
    assert "safe to deploy and to upgrade" in _run("node", "validate.mjs")


@pytest.mark.usefixtures("compiled")
def test_the_solidity_is_formatted() -> None:
    _run("node", "forge.mjs", "fmt", "--check")


@pytest.mark.parametrize("name", NAMES)
def test_an_artifact_has_what_python_needs(name: str) -> None:
    artifact = json.loads((ARTIFACTS / f"{name}.json").read_text())
    assert artifact["contractName"] == name
    code = bytes.fromhex(artifact["bytecode"].removeprefix("0x"))
    # The creation code is longer than what it leaves on chain, and may be twice as long (EIP-3860).
    assert 0 < len(code) <= 2 * CREATE_LIMIT
    assert {"abi", "metadata", "storageLayout"} <= artifact.keys()


def test_every_upgradeable_contract_keeps_its_state_in_namespaces() -> None:
    own = {
        "FeeVault": {"erc7201:gitex.storage.FeeVault"},
        "GTX": {"erc7201:gitex.storage.Rewards", "erc7201:gitex.storage.Staking"},
        "GitexNFT": {"erc7201:gitex.storage.GitexNFT", "erc7201:gitex.storage.TokenRecords"},
    }
    for name, namespaces in own.items():
        layout = json.loads((ARTIFACTS / f"{name}.json").read_text())["storageLayout"]
        assert layout["storage"] == []
        assert {space for space in layout["namespaces"] if space.startswith("erc7201:gitex.")} == namespaces


def _run(*command: str) -> str:
    """What the program says. A failure fails the test with that."""
    ran = _ran(*command)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-8000:]
    return ran.stdout


def _ran(*command: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0])
    assert program is not None, f"{command[0]} is not installed: the tests need Node 20"
    # Settings of the caller's own forge must change nothing.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FOUNDRY_", "FORGE_"))}
    return subprocess.run(
        [program, *command[1:]], cwd=CONTRACTS, env=environment, capture_output=True, text=True, timeout=LONGEST_S
    )
