"""The system as a user runs it: `gitex up` in a process group of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from configs.catalog import REPOSITORY
from tests.fakes.ports import free_port

GITEX = [sys.executable, "-m", "serve_app.cli"]
START_SECONDS = 120


def own_environment(data: Path, port: int, dashboard: int) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "GITEX_DATA_DIR": str(data),
        "GITEX_PORT": str(port),
        "GITEX_DASHBOARD_PORT": str(dashboard),
        "GITEX_CHAIN_PORT": str(free_port()),
    }


@contextmanager
def running(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The system in its own process group, as a terminal would have it; nothing of it is left afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*GITEX, "up"], cwd=REPOSITORY, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def interrupt(process: subprocess.Popen[bytes]) -> int:
    """Ctrl-C: the terminal tells the whole group."""
    os.killpg(process.pid, signal.SIGINT)
    return process.wait(60)
