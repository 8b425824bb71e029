"""A real node of a local chain for the tests: anvil, on loopback. Needs Node 20 and npm to install it.

python -m tests.integration.chain.anvil_process   # only installs it
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from chain import install as contract_tools
from chain.anvil import anvil_program
from tests.fakes.ports import free_port

READY_S = 30
STOP_S = 15
QUICK_FINALITY = ("--slots-in-an-epoch", "1")
"""`finalized` is two blocks behind the head; without it, 64."""


def install() -> Path:
    """The program; installed, as the lock file says, if it is missing. Several processes may call this at once."""
    contract_tools.install()
    found = anvil_program()
    if found is None:
        raise RuntimeError("npm has no anvil for this machine")
    return found


class Anvil:
    """One chain; `with` starts and stops it. Without a state file it begins anew at every start.

    Mines a block a moment after it took a transaction, unless an option says otherwise. Its first ten accounts are the
    development mnemonic's, with 10,000 coins each.
    """

    def __init__(self, folder: Path, *options: str, state: Path | None = None, port: int | None = None) -> None:
        """`folder`: where its log is written. `options`: anvil's own, as in `"--block-time", "1"`. `state`: a file that
        it is loaded from and is written to when it is stopped, not when it is killed. `port`: unset for a free one."""
        self.port = port or free_port()
        self.log = folder / f"anvil-{self.port}.log"
        """What it says."""
        self._options = (*options, *(("--state", str(state)) if state is not None else ()))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its RPC answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers; on the same port every time."""
        program = install()
        command = [str(program), "--host", "127.0.0.1", "--port", str(self.port), *self._options]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            self._await_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order; no error if it does not run."""
        if self._process is not None:
            self.resume()  # one that is paused does not hear
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would; no error if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Stop it and start it on the same port."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it take connections and answer none, as a node that hangs, until `resume`."""
        self._signal(signal.SIGSTOP)
        if self._process is not None:
            os.waitpid(self._process.pid, os.WUNTRACED)  # its threads stop one by one

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_S
        while f"Listening on 127.0.0.1:{self.port}" not in self.log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"anvil does not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.01)


def main() -> None:
    print(install())


if __name__ == "__main__":
    main()
