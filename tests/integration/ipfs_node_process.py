"""A real IPFS node for the tests: js-ipfs with the Kubo RPC, offline, on loopback. Needs Node 20 and npm.

python -m tests.integration.ipfs_node_process          # only installs it
python -m tests.integration.ipfs_node_process FOLDER   # and runs it there until standard input ends
"""

import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.fakes.ports import free_port
from tests.integration import npm

FOLDER = Path(__file__).with_name("ipfs_node")
READY_S = 60
STOP_S = 15


def install() -> None:
    """See `tests.integration.npm`."""
    npm.install(FOLDER)


class IpfsNode:
    """One node on a repo folder that outlives it. `with` starts and stops it."""

    def __init__(self, repo: Path) -> None:
        self.repo = repo
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its RPC answers, as an HTTP address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """The same as a multiaddr."""
        return f"/ip4/127.0.0.1/tcp/{self.port}/http"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.repo.with_name(self.repo.name + ".log")

    def start(self) -> None:
        """Start it and wait until it answers; on the port that it had before, if any."""
        install()
        # A node that was killed leaves its lock, and the next one refuses to start. No other one runs on this folder.
        shutil.rmtree(self.repo / "repo.lock", ignore_errors=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [npm.program("node"), str(FOLDER / "node.mjs"), str(self.repo), str(self.port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._await_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order; no error if it does not run."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would; no error if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def restart(self) -> None:
        """Stop it and start it on the same repo and port."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_S
        while f"ready {self.port}" not in self.log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the IPFS node does not start:\n{self.log.read_text()}")
            time.sleep(0.02)


def main() -> None:
    install()
    if sys.argv[1:]:
        with IpfsNode(Path(sys.argv[1])) as node:
            print(node.url, flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
