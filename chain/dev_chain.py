"""The embedded chain: anvil as a supervised child of this process, with its state kept in a folder."""

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from chain import with_parent
from chain.anvil import AnvilRpc
from chain.block_making import BlockMaker
from chain.saved_state import SavedState, UnusableState
from configs.chains import LOCAL_CHAIN_ID
from gitex.errors import EngineFailure, GitexError, SettingsError, Unavailable

log = logging.getLogger("gitex.chain")

HOST = "127.0.0.1"
LOOK_SECONDS = 0.1
"""Between two looks for transactions."""
READY_SECONDS = 60.0
ANSWER_SECONDS = 15.0
"""An anvil that takes longer hangs, and is replaced."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Before anvil is started again; doubling, until one has lived long enough."""
LONG_LIFE = 30.0
FULL_SECONDS = 5.0
"""Until it is tried again to save the chain, when the disk is full."""
STATES_IN_MEMORY = 64
"""Blocks whose whole state can be asked for. Blocks, receipts and events themselves are never forgotten."""


class DevChain:
    """One chain on one folder and one port of loopback. It makes its blocks itself: see `chain.block_making`."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        port: int,
        *,
        answer_s: float = ANSWER_SECONDS,
        longest_pause_s: float = LONGEST_PAUSE,
    ) -> None:
        self._program = program
        self._folder = folder
        self._port = port
        self._answer_s = answer_s
        self._longest_pause_s = longest_pause_s
        self._saved = SavedState(folder)
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._problem: GitexError | None = None
        self._process: subprocess.Popen[bytes] | None = None
        # Linux ends a child when the thread ends that started it: this one stays as long as anvil should.
        self._thread = threading.Thread(target=self._supervise, name="embedded-chain", daemon=True)

    @property
    def url(self) -> str:
        """Where its RPC answers."""
        return f"http://{HOST}:{self._port}"

    @property
    def process_id(self) -> int | None:
        """Anvil's, for tests; None while there is none."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    @contextmanager
    def running(self) -> Iterator["DevChain"]:
        """Start it, and stop it in order at the end: nothing is lost then.

        Raises `SettingsError` if another process uses the folder or the port, `EngineFailure` if anvil does not start.
        """
        with self._alone():
            self._need_port()
            self._thread.start()
            try:
                self._await_ready()
                yield self
            finally:
                self._stop.set()
                self._thread.join()

    def _await_ready(self) -> None:
        give_up = time.monotonic() + READY_SECONDS
        while not self._ready.wait(LOOK_SECONDS):
            if self._problem is not None or time.monotonic() > give_up:
                raise EngineFailure(f"the embedded chain does not start: {self._problem or 'it gives no answer'}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two chains on one folder would each write over what the other one saved."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as problem:
                text = f"GITEX_DATA_DIR: another process runs the embedded chain of {self._folder}"
                raise SettingsError(text, param="GITEX_DATA_DIR") from problem
            yield

    def _supervise(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._live()
            except Exception as problem:  # whatever it is, the chain has to be there again
                known = isinstance(problem, (GitexError, OSError))
                log.warning("the embedded chain is started again: %s", problem, exc_info=not known)
                self._problem = problem if isinstance(problem, GitexError) else EngineFailure(str(problem))
            if time.monotonic() - began > LONG_LIFE:
                pause = FIRST_PAUSE
            self._stop.wait(pause)
            pause = min(pause * 2, self._longest_pause_s)

    def _live(self) -> None:
        """One anvil, from its start until it ends or is to stop."""
        with AnvilRpc(self._port, timeout_s=self._answer_s) as rpc:
            self._process = self._started(rpc)
            try:
                maker = BlockMaker(rpc, self._saved, time.time)
                # Of an earlier block than the newest anvil knows the state only if it was made in this life.
                while not maker.settled and not self._stop.is_set():
                    self._step(maker)
                self._ready.set()
                while not self._stop.is_set():
                    self._step(maker)
                maker.save()
            except Unavailable as problem:
                if (code := self._process.poll()) is not None:
                    raise EngineFailure(f"anvil ended with {code}: {self._last_words()}") from problem
                raise
            finally:
                _end(self._process)

    def _step(self, maker: BlockMaker) -> None:
        """Make a block, or wait a moment."""
        try:
            pause = 0.0 if maker.step() else LOOK_SECONDS
        except OSError as problem:
            log.error("the embedded chain makes no blocks: it cannot be saved: %s", problem)
            pause = FULL_SECONDS
        self._stop.wait(pause)

    def _started(self, rpc: AnvilRpc) -> subprocess.Popen[bytes]:
        """Anvil with the newest state that it takes, or with none."""
        tried = []
        for file in self._saved.files():
            try:
                return self._started_with(rpc, self._saved.unpacked(file))
            except UnusableState as problem:
                tried.append(f"{problem} (kept as {self._saved.put_aside(file).name})")
                log.error("the embedded chain goes back to an older state: %s", tried[-1])
        if tried:
            log.error("the embedded chain begins anew: no saved state can be used, so its tokens are gone")
        return self._started_with(rpc, None)

    def _started_with(self, rpc: AnvilRpc, state: bytes | None) -> subprocess.Popen[bytes]:
        """Raises `UnusableState` if anvil refuses the state, `EngineFailure` if something else is in the way."""
        unpacked = self._folder / "loading.json"
        options: list[str] = []
        if state is not None:
            unpacked.write_bytes(state)
            options = ["--load-state", str(unpacked)]
        with (self._folder / "anvil.log").open("w+") as output:
            process = self._spawned(options, output)
            try:
                self._await_answer(process, rpc)
            except BaseException as problem:
                _end(process)
                if state is not None and isinstance(problem, UnusableState):
                    raise
                raise EngineFailure(f"anvil does not start: {problem}") from problem
            finally:
                unpacked.unlink(missing_ok=True)
        return process

    def _need_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self._port))
            except OSError as problem:
                text = (
                    f"GITEX_CHAIN_PORT: port {self._port} on {HOST} cannot be used ({problem.strerror}); stop what "
                    f"listens there, or choose another: GITEX_CHAIN_PORT={self._port + 1} make run"
                )
                raise SettingsError(text, param="GITEX_CHAIN_PORT") from problem

    def _spawned(self, options: list[str], output: TextIO) -> subprocess.Popen[bytes]:
        command = [str(self._program), "--host", HOST, "--port", str(self._port), "--quiet", *_OPTIONS, *options]
        # Not preexec_fn: other threads may hold locks when the process is forked.
        starter = [sys.executable, "-I", "-S", with_parent.__file__, str(os.getpid())]
        return subprocess.Popen(
            [*starter, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: anvil's state is saved before it ends
        )

    def _await_answer(self, process: subprocess.Popen[bytes], rpc: AnvilRpc) -> None:
        give_up = time.monotonic() + READY_SECONDS
        while time.monotonic() < give_up and not self._stop.is_set():
            with suppress(Unavailable):
                rpc.tip()
                return
            code = process.poll()
            if code is not None:
                said = self._last_words()
                told = f"anvil ended with {code}: {said}"
                # Killed from outside, or without a port, it has said nothing about the state.
                others = code in (-signal.SIGKILL, -signal.SIGTERM) or "in use" in said
                raise Unavailable(told) if others else UnusableState(told)
            time.sleep(0.01)
        raise Unavailable("it gives no answer")

    def _last_words(self) -> str:
        said = (self._folder / "anvil.log").read_text(errors="replace").strip()
        return said[-1000:] or "it said nothing"


_OPTIONS = (
    *("--chain-id", str(LOCAL_CHAIN_ID)),
    "--no-mining",
    *("--slots-in-an-epoch", "1"),
    *("--prune-history", str(STATES_IN_MEMORY)),
    "--no-request-size-limit",
    # Any web page could otherwise use the unlocked development accounts.
    "--no-cors",
)


def _end(process: subprocess.Popen[bytes]) -> None:
    """At once: everything that it would write is written already."""
    process.kill()
    process.wait()
