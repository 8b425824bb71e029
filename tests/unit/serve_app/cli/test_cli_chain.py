"""What `gitex chain` and `gitex doctor` say of chains that cannot be used."""

from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr
from typer.testing import Result

from configs.settings import Settings
from serve_app.commands.checks import check_chain, check_chain_port
from tests.fakes.ports import free_port

Command = Callable[..., Result]
NOBODY = "http://127.0.0.1:1"


def test_status_without_a_deployment_says_how_to_deploy(command: Command, tmp_path: Path) -> None:
    said = command("chain", "status", GITEX_DATA_DIR=str(tmp_path), GITEX_CHAIN_RPC_URL=NOBODY)
    assert said.exit_code == 2
    assert "gitex chain deploy" in said.output


def test_a_node_that_is_not_there_is_named_without_its_secrets(command: Command, tmp_path: Path) -> None:
    url = f"{NOBODY}/v3/very-secret-key"
    said = command("chain", "deploy", "--yes", GITEX_DATA_DIR=str(tmp_path), GITEX_CHAIN_RPC_URL=url)
    assert said.exit_code == 1
    assert "http://127.0.0.1:1 cannot be reached" in said.output
    assert "very-secret-key" not in said.output


def test_development_keys_do_not_deploy_elsewhere(command: Command, tmp_path: Path) -> None:
    environment = {"GITEX_DATA_DIR": str(tmp_path), "GITEX_CHAIN": "sepolia", "GITEX_CHAIN_RPC_URL": NOBODY}
    said = command("chain", "deploy", "--yes", **environment)
    assert said.exit_code == 2
    assert "GITEX_CHAIN_KEYSTORES" in said.output


def test_an_address_with_a_typing_mistake_is_no_minter(command: Command, tmp_path: Path) -> None:
    mistyped = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92267"
    environment = {"GITEX_DATA_DIR": str(tmp_path), "GITEX_CHAIN_RPC_URL": NOBODY}
    said = command("chain", "deploy", "--minter", mistyped, **environment)
    assert said.exit_code == 2
    assert "checksum" in said.output


def test_what_is_no_call_is_refused(command: Command, tmp_path: Path) -> None:
    said = command("chain", "upgrade", "GTX", "--call", "0xzz", GITEX_DATA_DIR=str(tmp_path))
    assert said.exit_code == 2
    assert "hexadecimal" in said.output


def test_doctor_says_what_there_is_to_mint_on(tmp_path: Path) -> None:
    def found(anvil: Path | None, **fields: object) -> tuple[str, str]:
        check = check_chain(Settings(data_dir=tmp_path, **fields), lambda: anvil)  # type: ignore[arg-type]
        return check.status, check.detail

    assert found(Path("/bin/anvil"))[0] == "ok"
    assert found(None) == ("warn", "nothing can be minted: anvil is not installed")
    assert found(None, chain_rpc_url=SecretStr(NOBODY))[0] == "ok"
    assert found(None, chain="sepolia")[0] == "warn"
    assert found(None, chain="nowhere")[0] == "fail"


def test_doctor_looks_at_the_chain_port_only_if_a_chain_is_to_run_there(tmp_path: Path) -> None:
    def names(**fields: object) -> list[str]:
        ports = {"port": free_port(), "dashboard_port": free_port(), "chain_port": free_port()}
        return [check.name for check in check_chain_port(Settings(data_dir=tmp_path, **ports, **fields))]  # type: ignore[arg-type]

    assert names() == ["chain port"]
    assert names(chain_rpc_url=SecretStr(NOBODY)) == []
    assert names(chain="amoy") == []
