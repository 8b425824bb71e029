"""An embedded chain in a process of its own, to be killed.

python -m tests.integration.chain.dev_chain_process FOLDER PORT
"""

import sys
from pathlib import Path

from chain.dev_chain import DevChain
from tests.integration.chain.anvil_process import install


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    with DevChain(install(), folder, port).running() as chain:
        print(chain.process_id, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
