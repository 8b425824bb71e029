"""What an operator sees on the Ray dashboard has neither the minting key nor its password."""

import json
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from eth_account import Account

from tests.e2e.service import interrupt, own_environment, running, wait_for
from tests.fakes.ports import free_port

PAGES = (
    "/api/v0/actors?detail=true&limit=1000",
    "/api/v0/workers?detail=true&limit=1000",
    "/api/v0/tasks?detail=true&limit=1000",
    "/api/v0/runtime_envs?detail=true&limit=1000",
    "/api/v0/jobs?detail=true",
    "/api/serve/applications/",
    "/logical/actors",
    "/nodes?view=summary",
)


@pytest.mark.timeout(240)
def test_the_dashboard_shows_no_key_and_no_password(tmp_path: Path) -> None:
    key, password = secrets.token_bytes(32), secrets.token_hex(16)
    keystore = tmp_path / "minter.json"
    keystore.write_text(json.dumps(Account.encrypt(key, password, kdf="pbkdf2", iterations=1000)))
    port, dashboard, log = free_port(), free_port(), tmp_path / "log"
    environment = {
        **own_environment(tmp_path / "data", port, dashboard),
        "GITEX_CHAIN_KEYSTORES": str(keystore),
        "GITEX_CHAIN_KEYSTORE_PASSWORD": password,
    }
    with running(environment, log) as process:
        wait_for("Gitex is up", log, process)
        seen = _everything(dashboard)
        assert "minting" in seen  # the actor that has the key is among what was read
        assert interrupt(process) == 0
    shown = seen + log.read_text()
    assert password not in shown
    assert key.hex() not in shown.lower()


def _everything(dashboard: int) -> str:
    """The answers of all pages."""
    ray = Path(sys.executable).with_name("ray")
    token = subprocess.run([ray, "get-auth-token"], capture_output=True, text=True, check=True).stdout.split()[-1]
    answers = []
    with httpx.Client(base_url=f"http://127.0.0.1:{dashboard}", timeout=30, trust_env=False) as client:
        for page in PAGES:
            answer = client.get(page, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 200, f"{page}: {answer.status_code} {answer.text[:300]}"
            answers.append(answer.text)
    return "\n".join(answers)
