"""The use case of reading a token back: from the chain and from IPFS, and whether both tell the same."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from configs.chains import Chain
from gitex.errors import GitexError, InvalidInput, Overloaded
from gitex.ports import TokenRegistry
from gitex.token_document import MAX_DOCUMENT_BYTES, TokenDocument
from gitex.tokens import TOKEN_BITS, Token
from serve_app.services.kept_content import KeptContent
from serve_app.services.token_checks import (
    Check,
    Unread,
    check_asset,
    check_creator,
    check_metadata,
    check_model,
    check_prompt_history,
    metadata_cid,
)

T = TypeVar("T")

CONTENT_SECONDS = 20.0
MAX_AT_ONCE = 8


@dataclass(frozen=True)
class TokenReport:
    """A token, and what comparing its parts showed."""

    token: Token
    chain: Chain
    checks: tuple[Check, ...]

    @property
    def matches(self) -> bool:
        """Whether all could be compared, and all is as it should be."""
        return all(check.verdict == "ok" for check in self.checks)

    @property
    def token_url(self) -> str:
        """Its page at the chain's explorer; empty for a chain without one."""
        explorer = self.chain.explorer
        return f"{explorer}/token/{self.token.contract}/{self.token.id}" if explorer else ""

    @property
    def transaction_url(self) -> str:
        """Page of the transaction that minted it; empty without an explorer, or if that is not known."""
        explorer, mint = self.chain.explorer, self.token.mint
        return f"{explorer}/tx/{mint.transaction}" if explorer and mint else ""


class Tokens:
    """Reads tokens back. Each takes dozens of questions to others, so only so many are read at once."""

    def __init__(
        self,
        registry: Callable[[], TokenRegistry],
        content: KeptContent,
        chain: Chain,
        *,
        content_s: float = CONTENT_SECONDS,
        at_once: int = MAX_AT_ONCE,
    ) -> None:
        """`registry`: raises `Unavailable` while the chain's contracts are not known. `content_s`: seconds that each
        of the two files may take."""
        self._registry = registry
        self._content = content
        self._chain = chain
        self._content_s = content_s
        self._free = at_once

    async def verify(self, token_id: int) -> TokenReport:
        """Read it and compare. What cannot be read back is told by the checks, and is no error.

        Raises `NotFound` if there is no such token, `InvalidInput`, `Overloaded`, and `Unavailable` if the chain does
        not answer.
        """
        async with self._turn():
            token = await self._registry().read(token_id)
            document = await self._document(token)
            known = document if isinstance(document, TokenDocument) else None
            picture = await self._picture(known)
        checks = (
            check_metadata(token, document),
            check_asset(token, known, picture),
            check_prompt_history(token, known),
            check_model(token, known),
            check_creator(token, known),
        )
        return TokenReport(token, self._chain, checks)

    async def _document(self, token: Token) -> TokenDocument | Unread | InvalidInput:
        try:
            cid = metadata_cid(token)
        except InvalidInput as problem:
            return Unread(problem.message)
        content = await self._tried(self._content.file(str(cid), MAX_DOCUMENT_BYTES))
        if isinstance(content, Unread):
            return content
        try:
            return TokenDocument.parse(content)
        except InvalidInput as problem:
            return problem

    async def _picture(self, document: TokenDocument | None) -> str | Unread:
        """Its SHA-256, in hex."""
        if document is None:
            return Unread("nothing says where it is")
        return await self._tried(self._content.sha256(document.image_cid))

    async def _tried(self, reading: Awaitable[T]) -> T | Unread:
        try:
            return await asyncio.wait_for(reading, self._content_s)
        except TimeoutError:
            return Unread(f"it did not come back within {self._content_s:g} s")
        except GitexError as problem:
            return Unread(problem.message)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._free == 0:
            raise Overloaded("many tokens are being read back just now")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


def parse_token_id(text: str) -> int:
    """Decimal, or hexadecimal behind 0x. Raises `InvalidInput` that names `token_id`."""
    digits = text.lower()
    try:
        number = int(digits[2:], 16) if digits.startswith("0x") else int(digits, 10)
    except ValueError:
        number = -1
    if not (text.isascii() and text.isalnum()) or not 0 <= number < 2**TOKEN_BITS:
        raise InvalidInput(
            f"a token's id is a number of {TOKEN_BITS} bits: decimal, or hexadecimal behind 0x", param="token_id"
        )
    return number
