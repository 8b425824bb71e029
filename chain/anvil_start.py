"""Starts anvil as a child that ends when its parent does."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from chain import with_parent
from chain.anvil import AnvilRpc
from chain.saved_state import UnusableState
from configs.chains import LOCAL_CHAIN_ID
from gitex.errors import EngineFailure, SettingsError, Unavailable

HOST = "127.0.0.1"
READY_SECONDS = 60.0
PORT_SECONDS = 2.0
STATES_IN_MEMORY = 64
"""Blocks whose whole state can be asked for. Blocks, receipts and events themselves are never forgotten."""
_LOOK_SECONDS = 0.01
_OPTIONS = (
    *("--chain-id", str(LOCAL_CHAIN_ID)),
    "--no-mining",
    *("--slots-in-an-epoch", "1"),
    *("--prune-history", str(STATES_IN_MEMORY)),
    "--no-request-size-limit",
    # Any web page could otherwise use the unlocked development accounts.
    "--no-cors",
)


@dataclass(frozen=True)
class AnvilStart:
    """How one is started: it makes no block by itself, see `chain.block_making`."""

    program: Path
    folder: Path
    """For what it says, and for the state while it reads it."""
    port: int

    def need_port(self) -> None:
        """Wait for the port, for a moment: the last anvil may just be ending, if its parent was killed.

        Raises `SettingsError` if it is not free then.
        """
        give_up = time.monotonic() + PORT_SECONDS
        while (reason := self._why_taken()) is not None:
            if time.monotonic() > give_up:
                text = (
                    f"GITEX_CHAIN_PORT: port {self.port} on {HOST} cannot be used ({reason}); stop what listens "
                    f"there, or choose another: GITEX_CHAIN_PORT={self.port + 1} make run"
                )
                raise SettingsError(text, param="GITEX_CHAIN_PORT")
            time.sleep(_LOOK_SECONDS)

    def start(self, rpc: AnvilRpc, state: bytes | None, stop: threading.Event) -> subprocess.Popen[bytes]:
        """Start it with a state, or with none, and wait until it answers or `stop` is set.

        Linux ends it when the calling thread ends. Raises `UnusableState` if anvil refuses the state, and
        `EngineFailure` if something else is in the way.
        """
        if (reason := self._why_taken()) is not None:
            raise EngineFailure(f"GITEX_CHAIN_PORT: port {self.port} on {HOST} cannot be used: {reason}")
        unpacked = self.folder / "loading.json"
        options: list[str] = []
        if state is not None:
            unpacked.write_bytes(state)
            options = ["--load-state", str(unpacked)]
        with (self.folder / "anvil.log").open("w") as output:
            process = self._spawned(options, output)
        try:
            self._await_answer(process, rpc, stop)
        except BaseException as problem:
            end(process)
            if state is not None and isinstance(problem, UnusableState):
                raise
            raise EngineFailure(f"anvil does not start: {problem}") from problem
        finally:
            unpacked.unlink(missing_ok=True)
        return process

    def last_words(self) -> str:
        """The end of what it said."""
        said = (self.folder / "anvil.log").read_text(errors="replace").strip()
        return said[-1000:] or "it said nothing"

    def _why_taken(self) -> str | None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
            except OSError as problem:
                return problem.strerror or str(problem)
        return None

    def _spawned(self, options: list[str], output: TextIO) -> subprocess.Popen[bytes]:
        command = [str(self.program), "--host", HOST, "--port", str(self.port), "--quiet", *_OPTIONS, *options]
        # Not preexec_fn: other threads may hold locks when the process is forked.
        starter = [sys.executable, "-I", "-S", with_parent.__file__, str(os.getpid())]
        return subprocess.Popen(
            [*starter, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: the chain is saved before anvil ends
        )

    def _await_answer(self, process: subprocess.Popen[bytes], rpc: AnvilRpc, stop: threading.Event) -> None:
        give_up = time.monotonic() + READY_SECONDS
        while time.monotonic() < give_up and not stop.is_set():
            code = process.poll()
            if code is not None:
                said = self.last_words()
                told = f"anvil ended with {code}: {said}"
                # Killed from outside, or without a port, it has said nothing about the state.
                others = code in (-signal.SIGKILL, -signal.SIGTERM) or "in use" in said
                raise Unavailable(told) if others else UnusableState(told)
            with suppress(Unavailable):
                rpc.tip()
                return
            time.sleep(_LOOK_SECONDS)
        raise Unavailable("it gives no answer")


def end(process: subprocess.Popen[bytes]) -> None:
    """At once: everything that it would write is written already."""
    process.kill()
    process.wait()
