"""`gitex up` as a user runs it: start, use, port taken, Ctrl-C, start again."""

import socket
import subprocess
import time
from ipaddress import ip_address
from pathlib import Path

import httpx
import psutil
import pytest

from configs.catalog import REPOSITORY
from tests.e2e.service import GITEX, interrupt, own_environment, running, wait_for
from tests.fakes.ports import free_port


@pytest.mark.timeout(400)
def test_up_serves_stops_cleanly_and_starts_again_with_what_it_kept(tmp_path: Path) -> None:
    port, dashboard, log = free_port(), free_port(), tmp_path / "log"
    environment = own_environment(tmp_path / "data", port, dashboard)
    url = f"http://127.0.0.1:{port}"
    with running(environment, log) as process:
        wait_for("Gitex is up", log, process)
        screen = log.read_text()
        assert f"{url}/docs" in screen
        assert f"http://127.0.0.1:{dashboard}" in screen
        assert f"http://127.0.0.1:{environment['GITEX_CHAIN_PORT']}" in screen
        contracts = _contracts(tmp_path / "data")
        assert str(tmp_path / "data") in screen.replace("\n", "").replace("│", "").replace(" ", "")
        _image(environment, tmp_path / "star.png")
        asset = httpx.post(f"{url}/v1/images/generations", json={"prompt": "a star", "seed": 1, "steps": 2}, timeout=60)
        asset_id = asset.json()["data"][0]["gitex"]["asset_id"]
        assert _outward_listeners(process) == []
        _second_start_names_the_port(environment)
        assert interrupt(process) == 0, log.read_text()
    assert "stopped" in log.read_text()
    _nothing_listens(port)
    _nothing_listens(int(environment["GITEX_CHAIN_PORT"]))
    started = time.monotonic()
    with running(environment, log) as process:
        wait_for("Gitex is up", log, process)
        print(f"second start: {time.monotonic() - started:.1f} s")
        assert httpx.get(f"{url}/v1/assets/{asset_id}/content").content.startswith(b"\x89PNG")
        assert _contracts(tmp_path / "data") == contracts
        assert interrupt(process) == 0, log.read_text()


def _contracts(data: Path) -> str:
    """What the embedded chain has; deployed once."""
    return (data / "chain" / "addresses" / "31337.json").read_text()


def _image(environment: dict[str, str], out: Path) -> None:
    port = environment["GITEX_PORT"]
    command = [*GITEX, "image", "a red star on a blue background", "-o", str(out), "--url", f"http://127.0.0.1:{port}"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")


def _outward_listeners(process: subprocess.Popen[bytes]) -> list[str]:
    """What the whole process tree, Ray's servers too, listens on besides loopback."""
    root = psutil.Process(process.pid)
    sockets = [socket for one in (root, *root.children(recursive=True)) for socket in one.net_connections("tcp")]
    listening = [socket.laddr for socket in sockets if socket.status == psutil.CONN_LISTEN]
    assert len(listening) > 5, listening  # or nothing was looked at
    return [f"{address.ip}:{address.port}" for address in listening if not _is_loopback(address.ip)]


def _is_loopback(text: str) -> bool:
    """gRPC's servers listen on ::ffff:127.0.0.1, which is loopback too, but not to every `ipaddress`."""
    address = ip_address(text)
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _second_start_names_the_port(environment: dict[str, str]) -> None:
    done = subprocess.run([*GITEX, "up"], cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert environment["GITEX_PORT"] in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def _nothing_listens(port: int) -> None:
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", port)) != 0
