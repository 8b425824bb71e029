"""A redis-server of a test's own, which may be killed, stopped and filled."""

import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import redis

from tests.fakes.ports import free_port


class RedisServer:
    """One process on a free port of the loopback address. Nothing is kept on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Return when it answers."""
        program = shutil.which("redis-server")
        assert program is not None, "install redis-server: these tests need a real one"
        own = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self._process = subprocess.Popen([program, *own, *options], cwd=self._folder, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < until, "redis-server does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash does."""
        self._send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def hang(self) -> None:
        """Keep its connections open and answer nothing."""
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        """The end of `hang`."""
        self._send(signal.SIGCONT)

    def close(self) -> None:
        """End it, however it is."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def ask(self, *command: str | bytes | int) -> object:
        """One command, past everything that is tested."""
        with redis.Redis(port=self.port, protocol=2, socket_timeout=5) as client:
            return client.execute_command(*command)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        with suppress(redis.RedisError):
            return bool(self.ask("PING"))
        return False
