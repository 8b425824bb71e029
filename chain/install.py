"""Installs what `chain/contracts` needs from npm: anvil for the embedded chain, or all tools that build and test.

python -m chain.install         anvil
python -m chain.install --dev   everything

Exit code 1, with a line, if that cannot be done: everything but minting works without it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chain.anvil import CONTRACTS
from gitex.errors import Unavailable

INSTALL_SECONDS = 580
"""The longest that npm may take."""
_FILES = ("package.json", "package-lock.json")


def install(folder: Path = CONTRACTS, *, dev: bool = False) -> None:
    """Install what the lock file names, unless it is there. Several processes may call this at once.

    Raises `Unavailable` if npm is not there, or fails.
    """
    wanted = hashlib.sha256(b"\0".join((folder / name).read_bytes() for name in _FILES)).hexdigest()
    everything, anvil = (folder / "node_modules" / name for name in (".installed", ".installed-anvil"))
    with alone(folder):
        if any(stamp.is_file() and stamp.read_text() == wanted for stamp in (everything, *(() if dev else (anvil,)))):
            return
        # npm removes the folder first, and the stamps with it. Scripts of packages are not run: none is needed.
        _npm(folder, "ci", "--ignore-scripts", *(() if dev else ("--omit=dev",)))
        (everything if dev else anvil).write_text(wanted)


@contextmanager
def alone(folder: Path = CONTRACTS) -> Iterator[None]:
    """Wait until no other process is in here. Ends with the process, however that ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _npm(folder: Path, *arguments: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed (it comes with Node 20)")
    command = [npm, *arguments]
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as problem:
        raise Unavailable(f"npm takes longer than {INSTALL_SECONDS} s") from problem
    if ran.returncode != 0:
        raise Unavailable(f"npm {' '.join(arguments)} in {folder} failed: {(ran.stdout + ran.stderr).strip()[-2000:]}")


def main() -> None:
    """The command line."""
    dev = "--dev" in sys.argv[1:]
    try:
        install(dev=dev)
    except Unavailable as problem:
        what = "the contracts' tools are" if dev else "nothing can be minted here, for anvil is"
        print(f"warning: {what} not installed: {problem.message}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
