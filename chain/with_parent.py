"""Becomes another program that is killed when its parent ends, however that ends.

python with_parent.py PARENT PROGRAM ARGUMENTS…   where PARENT is the parent's process id

Linux only (prctl(2), PR_SET_PDEATHSIG, which lasts over exec); elsewhere the program outlives a parent that is killed.
The parent is the thread that started it: that one has to stay as long as the program should.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        # It may have ended before.
        if os.getppid() != int(parent):
            raise SystemExit("the parent is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
