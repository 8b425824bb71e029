"""What stands in Redis, and what its client may raise; the rest is tested against real servers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import exceptions

from gitex.ports import CacheEntry
from storage.redis_cache import decode, encode
from storage.redis_link import reason_of

IDS = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=64)


@given(asset_id=IDS, content=st.none() | st.binary(max_size=300))
def test_an_entry_comes_back_as_it_was(asset_id: str, content: bytes | None) -> None:
    entry = CacheEntry(asset_id, content)
    assert decode(encode(entry)) == entry


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"x",
        b"gitex1 ",
        b"gitex1 \npicture",
        b"gitex2 ast_1",
        b"gitex1 \xff\n",
        b"gitex1 " + b"a" * 500,
        7,
        "text",
        [],
    ],
)
def test_what_is_not_ours_is_nothing(value: object) -> None:
    assert decode(value) is None


def _kinds(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(below for child in kind.__subclasses__() for below in _kinds(child))]


@pytest.mark.parametrize("kind", _kinds(exceptions.RedisError), ids=lambda kind: kind.__name__)
def test_every_error_of_the_client_has_a_reason_and_only_answers_are_refusals(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    answered = isinstance(error, exceptions.ResponseError) and not isinstance(error, exceptions.ConnectionError)
    assert (reason_of(error) in ("full", "refused")) == answered


def test_the_reasons_tell_the_troubles_apart() -> None:
    told = [
        (TimeoutError(), "slow"),
        (exceptions.TimeoutError(), "slow"),
        (ConnectionRefusedError(), "gone"),
        (exceptions.BusyLoadingError(), "gone"),
        (exceptions.OutOfMemoryError(), "full"),
        (exceptions.ReadOnlyError(), "refused"),
        (exceptions.InvalidResponse(), "garbage"),
        (ValueError("invalid literal"), "garbage"),
    ]
    assert [reason_of(error) for error, _ in told] == [reason for _, reason in told]
