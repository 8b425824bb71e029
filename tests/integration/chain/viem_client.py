"""An independent client of the chain for the tests: viem, in Node. Needs Node 20 and npm.

python -m tests.integration.chain.viem_client   # only installs it
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("viem")
INSTALL_S = 600
RUN_S = 60
_STAMP = FOLDER / "node_modules" / ".installed"


def install() -> None:
    """Install what the lock file names, unless it is there. Several processes may call this at once."""
    files = [FOLDER / name for name in ("package.json", "package-lock.json")]
    wanted = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    with _alone():
        if _STAMP.is_file() and _STAMP.read_text() == wanted:
            return
        command = [_program("npm"), "ci", "--ignore-scripts", "--omit=optional"]
        # npm removes the folder first, and the stamp with it.
        ran = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_S)
        if ran.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} in {FOLDER} failed:\n{ran.stdout}{ran.stderr}")
        _STAMP.write_text(wanted)


def run_script(name: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """Run a script of the folder: JSON goes in, JSON comes out. Raises `RuntimeError` with what it said if it fails."""
    install()
    ran = subprocess.run(
        [_program("node"), name],
        cwd=FOLDER,
        input=json.dumps(question),
        capture_output=True,
        text=True,
        timeout=RUN_S,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"{name} failed:\n{ran.stdout}{ran.stderr}")
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed: the tests need Node 20")
    return found


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other process is in here. Ends with the process, however that ends."""
    descriptor = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    install()
