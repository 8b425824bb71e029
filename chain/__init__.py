"""The chain: contracts, their clients, and what mints."""

import sys

_limit = sys.getrecursionlimit()
import py_ecc  # noqa: E402, F401

# py_ecc, which comes with web3 and which nothing of ours uses, raises the limit a hundredfold when it is imported. Any
# JSON that is nested deeply enough would then end the whole process, a request's body too, instead of being refused.
sys.setrecursionlimit(_limit)
