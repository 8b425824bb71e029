"""The embedded chain: anvil as a supervised child of this process, with its state kept in a folder."""

import fcntl
import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chain.anvil import AnvilRpc
from chain.anvil_start import HOST, READY_SECONDS, AnvilStart, end
from chain.block_making import BlockMaker
from chain.saved_state import SavedState, UnusableState
from gitex.errors import EngineFailure, GitexError, SettingsError, Unavailable

log = logging.getLogger("gitex.chain")

LOOK_SECONDS = 0.1
"""Between two looks for transactions."""
ANSWER_SECONDS = 15.0
"""An anvil that takes longer hangs, and is replaced."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Before anvil is started again; doubling, until one has lived long enough."""
LONG_LIFE = 30.0
FULL_SECONDS = 5.0
"""Until it is tried again to save the chain, when the disk is full."""


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
        self._start = AnvilStart(program, folder, port)
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
            self._start.need_port()
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
                    raise EngineFailure(f"anvil ended with {code}: {self._start.last_words()}") from problem
                raise
            finally:
                end(self._process)

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
                return self._start.start(rpc, self._saved.unpacked(file), self._stop)
            except UnusableState as problem:
                tried.append(f"{problem} (kept as {self._saved.put_aside(file).name})")
                log.error("the embedded chain goes back to an older state: %s", tried[-1])
        if tried:
            log.error("the embedded chain begins anew: no saved state can be used, so its tokens are gone")
        return self._start.start(rpc, None, self._stop)
