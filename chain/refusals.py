"""What the error answers of nodes mean. There is no standard: these are the words of geth (and so of BNB Smart Chain
and Polygon), Erigon, Nethermind, Besu and anvil, without regard to case, spaces and signs.
"""

import re
from collections.abc import Iterator

from chain.json_rpc import INTERNAL_ERROR, LIMIT_EXCEEDED, METHOD_NOT_FOUND, REVERTED, ErrorAnswer
from chain.reverts import explained
from gitex.errors import RefusalReason, Reverted, TransactionRefused

_KNOWN = (
    "alreadyknown",  # geth, Nethermind, Erigon
    "alreadyexists",  # Erigon: ALREADY_EXISTS
    "knowntransaction",  # older geth, Besu
    "alreadyimported",  # anvil, OpenEthereum
    "alreadyinmempool",
    "alreadyinthemempool",
)
_WORDS: tuple[tuple[RefusalReason, tuple[str, ...]], ...] = (
    ("nonce_too_low", ("noncetoolow", "nonceistoolow", "oldnonce", "nonceislowerthan", "noncebelow")),
    (
        "insufficient_funds",
        ("insufficientfunds", "insufficientbalance", "enoughfunds", "upfrontcostexceeds", "insufficientsenderbalance"),
    ),
    (
        "underpriced",
        (
            "underpriced",  # geth: both "transaction …" and "replacement transaction …"
            "replacementnotallowed",  # Nethermind
            "couldnotreplaceexisting",  # Erigon
            "feetoolow",  # Nethermind (also FeeTooLowToCompete), Erigon
            "feecaplessthan",  # Erigon, geth
            "feepergaslessthan",  # anvil, geth: "max fee per gas less than block base fee"
            "lessthanblockbasefee",
            "gaspricetoolow",
            "gaspriceistoolow",
            "gaspricebelow",  # Besu: "Gas price below configured minimum gas price"
            "gaspricelessthan",
            "belowminimum",
        ),
    ),
)
_BUSY = ("poolisfull", "poolfull", "ratelimit", "toomanyrequests", "timeout", "timedout", "internalerror")
"""The node cannot take it just now, whatever it is."""
_NOT_THERE = (
    "blocknotfound",  # geth, of `finalized` too
    "headernotfound",
    "transactionnotfound",
    "receiptnotfound",
    "resourcenotfound",
    "unknownblock",
)
_REVERTED = ("revert", "vmexecutionerror", "invalidopcode", "outofgas", "gasrequiredexceeds", "stackunderflow")
_SERVER_FAILURES = (METHOD_NOT_FOUND, INTERNAL_ERROR, LIMIT_EXCEEDED, 429)
_HEX = re.compile(r"(?:Reverted )?(0x[0-9a-fA-F]*)")


def is_known(answer: ErrorAnswer) -> bool:
    """To a transaction that was sent: it was there before."""
    return _says(answer, _KNOWN)


def refusal_of(answer: ErrorAnswer) -> TransactionRefused | None:
    """Why a transaction is not taken; None if it says nothing about the transaction, but that the node has trouble."""
    for why, words in _WORDS:
        if _says(answer, words):
            return TransactionRefused(f"the node does not take the transaction: {answer.message}", why=why)
    if answer.code in _SERVER_FAILURES or _says(answer, _BUSY):
        return None
    return TransactionRefused(f"the node does not take the transaction: {answer.message}", why="other")


def revert_of(answer: ErrorAnswer) -> Reverted | None:
    """To a call: why the contract refuses it; None if the answer says nothing about the call."""
    found = _revert_data(answer.data)
    if len(found) >= 4:
        return explained(found)
    if answer.code == REVERTED or _says(answer, _REVERTED):
        reason = re.sub(r"^.*?reverted:?\s*", "", answer.message, flags=re.IGNORECASE)
        if isinstance(answer.data, str) and answer.data.startswith("revert: "):  # Nethermind
            reason = answer.data.removeprefix("revert: ")[:300]
        return Reverted(f"the contract refuses the call: {reason}") if reason else explained(b"")
    return None


def lacks_funds(answer: ErrorAnswer) -> bool:
    """To a call: its sender cannot pay for it."""
    return any(why == "insufficient_funds" and _says(answer, words) for why, words in _WORDS)


def is_missing(answer: ErrorAnswer) -> bool:
    """There is no such block or transaction, which others answer with `null`."""
    return _says(answer, _NOT_THERE)


def _says(answer: ErrorAnswer, words: tuple[str, ...]) -> bool:
    letters = re.sub(r"[^a-z]", "", answer.message.lower())
    return any(word in letters for word in words)


def _revert_data(found: object) -> bytes:
    """Where nodes put it: the text itself, after `Reverted `, or in an object, once more as `data` or `return`."""
    for text in _texts(found):
        match = _HEX.fullmatch(text)
        if match is not None and len(match[1]) % 2 == 0:
            return bytes.fromhex(match[1][2:])
    return b""


def _texts(found: object, depth: int = 3) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict) and depth:
        for key in ("data", "return", "result", "originalError"):
            yield from _texts(found.get(key), depth - 1)
