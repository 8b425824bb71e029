"""Whatever the client library and those below it raise becomes an error of ours."""

import http.client
import pickle
from collections.abc import Iterator

import multiaddr
import pytest
import requests
import urllib3.exceptions
from ipfshttpclient import exceptions

from gitex.errors import GitexError, SettingsError, Unavailable
from storage.ipfs.kubo_errors import KNOWN, WORDS, NodeRefused, said, translated

ROOTS: list[type[Exception]] = [
    exceptions.Error,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    ConnectionError,
]


def _tree(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


TREES = {root: list(_tree(root)) for root in ROOTS}
"""As they were before tests made subclasses of their own."""


def _made(kind: type[Exception]) -> Exception:
    """One of that kind, without what the constructor and the text of each kind need."""
    told = type(kind.__name__, (kind,), {"__str__": lambda _: "what happened"})
    problem: Exception = told.__new__(told)
    return problem


@pytest.mark.parametrize("root", TREES)
def test_every_exception_below_is_known_and_becomes_ours(root: type[Exception]) -> None:
    assert len(TREES[root]) > 3
    for kind in TREES[root]:
        assert issubclass(kind, KNOWN)
        problem = translated(_made(kind))
        assert isinstance(problem, Unavailable | SettingsError), kind
        assert "what happened" in problem.message


def test_every_exception_of_the_client_library_has_its_own_words() -> None:
    ours = {exceptions.AddressError, exceptions.ErrorResponse, exceptions.PartialErrorResponse}
    assert set(TREES[exceptions.Error]) == ours | {kind for kind in WORDS if issubclass(kind, exceptions.Error)}


def test_an_address_that_cannot_be_read_is_a_bad_setting() -> None:
    with pytest.raises(exceptions.AddressError) as raised:
        raise exceptions.AddressError("/nonsense") from multiaddr.exceptions.ParseError("no")
    problem = translated(raised.value)
    assert isinstance(problem, SettingsError)
    assert problem.param == "GITEX_IPFS_API"


@pytest.mark.parametrize("kind", [exceptions.ErrorResponse, exceptions.PartialErrorResponse])
def test_a_refusal_says_why(kind: type[Exception]) -> None:
    problem = translated(kind("disk full", None))
    assert type(problem) is NodeRefused
    assert problem.message.endswith("disk full")


def test_a_translated_error_crosses_process_borders() -> None:
    problem: GitexError = pickle.loads(pickle.dumps(translated(exceptions.ErrorResponse("disk full", None))))
    assert type(problem) is NodeRefused
    assert problem.message == "the IPFS node refuses: disk full"


def test_what_a_node_says_is_shown_short_and_on_one_line() -> None:
    assert said("a\nb\x1b[31m\tc") == "a b [31m c"
    assert len(said("x" * 10_000)) == 301
