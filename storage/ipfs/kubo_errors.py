"""What `ipfshttpclient` and the HTTP libraries below it raise, in our words."""

import http.client

import requests
import urllib3.exceptions
from ipfshttpclient import exceptions

from gitex.errors import GitexError, SettingsError, Unavailable

SETTING = "GITEX_IPFS_API"
_MAX_SAID = 300


class NodeRefused(Unavailable):
    """The node answers that it cannot do it. `message` ends with what it says."""


class AnswerTooLong(Exception):
    """The node's answer is longer than any that is asked for. Never leaves the room."""


WORDS: dict[type[Exception], str] = {
    exceptions.TimeoutError: "does not answer in time",
    exceptions.ConnectionError: "cannot be reached",
    exceptions.ProtocolError: "breaks off, or does not speak HTTP",
    exceptions.StatusError: "answers with an error, and not as the Kubo RPC does",
    exceptions.CommunicationError: "cannot be talked to",
    exceptions.EncoderError: "does not speak the Kubo RPC",
    exceptions.EncoderMissingError: "is asked for an encoding that the client library does not have",
    exceptions.EncodingError: "cannot be told this",
    exceptions.DecodingError: "answers with what is not the Kubo RPC's JSON",
    exceptions.VersionMismatch: "has a version that the client library refuses",
    exceptions.Error: "fails in the client library",
    AnswerTooLong: "answers with more bytes than any answer has",
    # The library lets these through while it reads an answer.
    requests.Timeout: "does not answer in time",
    requests.RequestException: "breaks off",
    urllib3.exceptions.HTTPError: "breaks off",
    http.client.HTTPException: "breaks off, or does not speak HTTP",
    OSError: "cannot be reached",
    # And these are how it fails on JSON of another shape than it expects.
    AssertionError: "answers with what is not the Kubo RPC",
    LookupError: "answers with what is not the Kubo RPC",
    TypeError: "answers with what is not the Kubo RPC",
    ValueError: "answers with what is not the Kubo RPC",
    RecursionError: "answers with what is not the Kubo RPC",
}
"""What the node does, by the exception that says so. The nearest class counts."""

KNOWN = tuple(WORDS)


def translated(problem: Exception) -> GitexError:
    """Our error for one of `KNOWN`."""
    if isinstance(problem, exceptions.AddressError):
        return SettingsError(f"{SETTING} cannot be used: {problem}", param=SETTING)
    if isinstance(problem, exceptions.ErrorResponse):
        return NodeRefused(f"the IPFS node refuses: {said(str(problem))}")
    words = next(WORDS[kind] for kind in type(problem).__mro__ if kind in WORDS)
    return Unavailable(f"the IPFS node {words}: {said(f'{type(problem).__name__} {problem}')}")


def said(text: str) -> str:
    """What the node told us, fit for a log and an error message."""
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return clean if len(clean) <= _MAX_SAID else clean[:_MAX_SAID] + "…"
