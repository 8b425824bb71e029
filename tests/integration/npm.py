"""What tests need of npm: a folder's packages, as its lock file says. Needs Node 20 and npm."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from chain.install import alone

INSTALL_S = 600


def install(folder: Path) -> None:
    """Install what the folder's lock file names, unless it is there. Several processes may call this at once."""
    files = [folder / name for name in ("package.json", "package-lock.json")]
    wanted = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
    stamp = folder / "node_modules" / ".installed"
    with alone(folder):
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        command = [program("npm"), "ci", "--ignore-scripts", "--omit=optional"]
        # npm removes the folder first, and the stamp with it.
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S)
        if ran.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} in {folder} failed:\n{ran.stdout}{ran.stderr}")
        stamp.write_text(wanted)


def program(name: str) -> str:
    """Where it is. Raises `RuntimeError` if it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed: the tests need Node 20")
    return found
