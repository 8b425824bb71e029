"""Real processes with one Redis and one database ask for the same picture at the same time."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.redis_server import RedisServer


class Processes:
    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.running: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "tests.fakes.generating_process", self.server.url, str(self.folder), name]
        self.running[name] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def runs(self) -> list[str]:
        file = self.folder / "runs"
        return file.read_text().split() if file.exists() else []

    def wait_for_runs(self, count: int) -> list[str]:
        until = time.monotonic() + 60
        while len(self.runs()) < count:
            assert time.monotonic() < until, f"only {self.runs()} ran"
            time.sleep(0.02)
        return self.runs()

    def wait_for_follower(self) -> None:
        """A follower has asked who leads: its subscription is there."""
        until = time.monotonic() + 60
        while self.server.ask("PUBSUB", "NUMSUB", "gitex:flights") == [b"gitex:flights", 0]:
            assert time.monotonic() < until, "nobody follows"
            time.sleep(0.02)

    def go(self) -> None:
        (self.folder / "go").touch()

    def answer(self, name: str) -> list[str]:
        out, _ = self.running[name].communicate(timeout=60)
        assert self.running[name].returncode == 0
        return out.split()


@pytest.fixture
def processes(server: RedisServer, tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(server, tmp_path)
    try:
        yield processes
    finally:
        for process in processes.running.values():
            process.kill()
            process.communicate()


def test_three_processes_make_one_picture(processes: Processes) -> None:
    names = ["a", "b", "c"]
    for name in names:
        processes.start(name)
    processes.wait_for_runs(1)
    processes.wait_for_follower()
    processes.go()
    answers = [processes.answer(name) for name in names]
    assert len({asset_id for asset_id, _ in answers}) == 1
    assert sum(cache == "miss" for _, cache in answers) == 1
    assert len(processes.runs()) == 1


def test_when_the_leading_process_is_killed_a_follower_answers(processes: Processes) -> None:
    processes.start("leader")
    assert processes.wait_for_runs(1) == ["leader"]
    processes.start("follower")
    processes.wait_for_follower()
    processes.running["leader"].kill()
    assert processes.wait_for_runs(2) == ["leader", "follower"]
    processes.go()
    assert processes.answer("follower")[1] == "miss"


def test_when_redis_is_killed_in_the_middle_every_process_answers(processes: Processes) -> None:
    processes.start("leader")
    processes.wait_for_runs(1)
    processes.start("follower")
    processes.wait_for_follower()
    processes.server.kill()
    assert processes.wait_for_runs(2) == ["leader", "follower"]
    processes.go()
    assert [processes.answer(name)[1] for name in ("leader", "follower")] == ["miss", "miss"]
