"""An independent client of the chain for the tests: viem, in Node. Needs Node 20 and npm.

python -m tests.integration.chain.viem_client   # only installs it
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.integration import npm

FOLDER = Path(__file__).with_name("viem")
RUN_S = 60


def install() -> None:
    """See `tests.integration.npm`."""
    npm.install(FOLDER)


def run_script(name: str, question: Mapping[str, Any]) -> dict[str, Any]:
    """Run a script of the folder: JSON goes in, JSON comes out. Raises `RuntimeError` with what it said if it fails."""
    install()
    ran = subprocess.run(
        [npm.program("node"), name],
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


if __name__ == "__main__":
    install()
