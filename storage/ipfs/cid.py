"""Content identifiers: a block's codec and its SHA-256, in text and bytes (github.com/multiformats/cid)."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from gitex.errors import CidMismatch, InvalidInput

Codec = Literal["raw", "dag-pb"]
BytesLike = bytes | bytearray | memoryview

_SHA256 = b"\x12\x20"
"""Multihash prefix: SHA2-256, 32 bytes."""
_PREFIXES: dict[tuple[int, Codec], bytes] = {
    (0, "dag-pb"): _SHA256,
    (1, "raw"): b"\x01\x55" + _SHA256,
    (1, "dag-pb"): b"\x01\x70" + _SHA256,
}
_KINDS = {prefix: kind for kind, prefix in _PREFIXES.items()}
_DIGEST = 32
_MAX_TEXT = 80
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True)
class Cid:
    """The name of one block. Two versions of one name are different CIDs: compare `digest`s to find a block."""

    version: Literal[0, 1]
    codec: Codec
    digest: bytes
    """SHA2-256 of the block, 32 bytes."""

    def __post_init__(self) -> None:
        if (self.version, self.codec) not in _PREFIXES or len(self.digest) != _DIGEST:
            raise InvalidInput("only CIDs of version 0 or 1, of raw or dag-pb blocks, with SHA2-256 are known")

    @classmethod
    def of(cls, codec: Codec, data: BytesLike) -> Self:
        """The CIDv1 of a block."""
        return cls(1, codec, hashlib.sha256(data).digest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read base58 `Qm…` (v0), base32 `b…`, base36 `k…` or base58 `z…` (v1). Raise `InvalidInput`.

        Only the one canonical spelling in each base is taken, so that no CID has two addresses.
        """
        base = text[:1] if text[:2] != "Qm" else ""
        if len(text) > _MAX_TEXT or base not in _BASES:
            raise InvalidInput("not a CID: neither Qm…, nor base32 b…, base36 k… or base58 z…")
        decode, encode = _BASES[base]
        try:
            cid = cls.from_bytes(decode(text[len(base) :]))
        except ValueError as error:
            raise InvalidInput("not a CID: characters that its base does not have") from error
        if (cid.version == 0) != (base == "") or base + encode(bytes(cid)) != text:
            raise InvalidInput("not a CID: not in its canonical spelling")
        return cid

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the binary form. Raise `InvalidInput`."""
        kind = _KINDS.get(data[:-_DIGEST])
        if kind is None:
            raise InvalidInput("not the bytes of a CID of a raw or dag-pb block with SHA2-256")
        version, codec = kind
        return cls(1 if version else 0, codec, data[-_DIGEST:])

    @classmethod
    def split(cls, data: bytes) -> tuple[Self, int]:
        """The CID that the data begin with, and how many bytes it takes. Raise `InvalidInput`."""
        length = _DIGEST + (2 if data.startswith(_SHA256) else 4)
        return cls.from_bytes(data[:length]), length

    def __bytes__(self) -> bytes:
        return _PREFIXES[self.version, self.codec] + self.digest

    def __str__(self) -> str:
        return _base58(bytes(self)) if self.version == 0 else "b" + _base32(bytes(self))

    def v1(self) -> "Cid":
        """The same block by the name of version 1."""
        return Cid(1, self.codec, self.digest)

    def base36(self) -> str:
        """The spelling for host names, which hold 63 characters and no capitals."""
        return "k" + _base36(bytes(self.v1()))

    def check(self, data: BytesLike) -> None:
        """Raise `CidMismatch` if those bytes are not this block."""
        if hashlib.sha256(data).digest() != self.digest:
            raise CidMismatch(f"the bytes are not those of {self}")


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _from_base32(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def _base36(data: bytes) -> str:
    return _digits(data, _BASE36)


def _from_base36(text: str) -> bytes:
    return _from_digits(text, _BASE36)


def _base58(data: bytes) -> str:
    return _digits(data, _BASE58)


def _from_base58(text: str) -> bytes:
    return _from_digits(text, _BASE58)


def _digits(data: bytes, alphabet: str) -> str:
    """Big-endian digits. No CID begins with a zero byte, so none has to be kept."""
    number, text = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return text


def _from_digits(text: str, alphabet: str) -> bytes:
    number = 0
    for character in text:
        number = number * len(alphabet) + alphabet.index(character)
    return number.to_bytes((number.bit_length() + 7) // 8)


_BASES: dict[str, tuple[Callable[[str], bytes], Callable[[bytes], str]]] = {
    "": (_from_base58, _base58),
    "b": (_from_base32, _base32),
    "k": (_from_base36, _base36),
    "z": (_from_base58, _base58),
}
