"""Reads tokens from the chain."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from chain.contract import Contract
from chain.event_windows import EventWindows
from chain.node import Call, Head, Log, Node
from gitex.errors import InvalidInput, NotFound, Reverted, Unavailable
from gitex.tokens import TOKEN_BITS, MintRecord, Royalty, Token, TokenProvenance

TRIES = 3
"""Of a read that a reorganisation of the chain comes between."""
SEARCH_SECONDS = 20.0
_BPS = 10_000


class _Stored(NamedTuple):
    """What the contract answers of a token."""

    owner: str
    provenance: TokenProvenance
    uri: str
    royalty: Royalty


class TokenReader:
    """Implements `gitex.ports.TokenRegistry` on one `GitexNFT`. Keeps nothing."""

    def __init__(
        self,
        node: Node,
        nft_address: str,
        first_block: int,
        *,
        block_seconds: float = 12.0,
        search_s: float = SEARCH_SECONDS,
    ) -> None:
        """`first_block`: of the contract's deployment. `block_seconds`: the chain's usual time between blocks, by which
        a mint's events are found quicker. `search_s`: how long they are looked for."""
        self._node = node
        self._nft = Contract("GitexNFT", nft_address)
        self._first_block = first_block
        self._block_seconds = block_seconds
        self._search_s = search_s
        self._windows = EventWindows(node, nft_address)

    async def read(self, token_id: int) -> Token:
        """All of a token, as of the newest block.

        Raises `NotFound` if there is none of that id, `InvalidInput` for an id that none can have, `Unavailable`.
        """
        if not 0 <= token_id < 2**TOKEN_BITS:
            raise InvalidInput(f"a token's id is a number of {TOKEN_BITS} bits", param="token_id")
        for _ in range(TRIES):
            head = await self._node.head()
            stored = await self._stored(token_id, head.number)
            # A number may name another block by now: then its parts may be of two chains.
            if await self._node.block_hash(head.number) == head.hash:
                return await self._with_mint(token_id, stored, head)
        raise Unavailable("the chain changes while it is read: try again")

    async def is_minted(self, digest: bytes) -> bool:
        """Whether the asset with this SHA-256 has its token, at the newest block. Raises `Unavailable`."""
        return bool(await self._ask("isMinted", digest))

    async def _stored(self, token_id: int, block: int) -> _Stored:
        try:
            owner = await self._ask("ownerOf", token_id, block=block)
        except Reverted as problem:
            if problem.error != "ERC721NonexistentToken":
                raise
            raise NotFound(f"there is no token {token_id}", param="token_id") from problem
        provenance, uri, royalty = await asyncio.gather(
            self._ask("provenanceOf", token_id, block=block),
            self._ask("tokenURI", token_id, block=block),
            self._ask_all("royaltyInfo", token_id, _BPS, block=block),
        )
        return _Stored(owner, _provenance(provenance), uri, Royalty(*royalty))

    async def _with_mint(self, token_id: int, stored: _Stored, head: Head) -> Token:
        final = await self._is_final(stored.provenance.asset_digest)
        mint = await self._mint_record(token_id, stored.provenance.minted_at, head)
        return Token(
            id=token_id,
            contract=self._nft.address,
            owner=stored.owner,
            uri=stored.uri,
            provenance=stored.provenance,
            royalty=stored.royalty,
            mint=mint if isinstance(mint, MintRecord) else None,
            mint_problem="" if isinstance(mint, MintRecord) else mint,
            final=final,
            block_number=head.number,
        )

    async def _is_final(self, digest: bytes) -> bool:
        finalized = await self._node.finalized()
        call = Call(self._nft.address, self._nft.encode("isMinted", digest))
        answer = await self._node.call(call, block=finalized.number)
        # Of no contract: even that is not final yet.
        return bool(answer) and bool(self._nft.decode("isMinted", answer)[0])

    async def _mint_record(self, token_id: int, minted_at: datetime, head: Head) -> MintRecord | str:
        """The record, or why there is none: a node may refuse, or have thrown away, what is old."""
        near = head.number - round((head.timestamp - minted_at.timestamp()) / self._block_seconds)
        topics = (None, f"0x{token_id:064x}")
        try:
            async with asyncio.timeout(self._search_s):
                logs = await self._windows.nearest(topics, self._first_block, head.number, near)
                record = self._recorded(logs)
                if record is None:
                    return "the node has no events of its mint"
                if await self._node.block_hash(record.block_number) != record.block_hash:
                    return "the block of its mint was replaced while it was read: try again"
                return record
        except TimeoutError:
            return f"its events were not found within {self._search_s:g} s"
        except Unavailable as problem:
            return f"its events cannot be read: {problem.message}"

    def _recorded(self, logs: Sequence[Log]) -> MintRecord | None:
        found = {log.topics[0]: log for log in logs}
        prompt, provenance = (found.get(self._nft.topic(name)) for name in ("PromptRecorded", "ProvenanceRecorded"))
        said = None if prompt is None else self._nft.event(prompt)
        was = None if provenance is None else self._nft.event(provenance)
        if prompt is None or said is None or was is None:
            return None
        return MintRecord(
            transaction=prompt.transaction_hash,
            block_number=prompt.block_number,
            block_hash=prompt.block_hash,
            prompt=said["prompt"],
            creator=was["creator"],
            model_digest=was["modelDigest"],
            prompt_digest=was["promptDigest"],
            metadata_digest=was["metadataDigest"],
        )

    async def _ask(self, function: str, *args: object, block: int | None = None) -> Any:
        """The one thing that the function answers."""
        (answer,) = await self._ask_all(function, *args, block=block)
        return answer

    async def _ask_all(self, function: str, *args: object, block: int | None = None) -> tuple[Any, ...]:
        data = self._nft.encode(function, *args)
        return self._nft.decode(function, await self._node.call(Call(self._nft.address, data), block=block))


def _provenance(fields: dict[str, Any]) -> TokenProvenance:
    return TokenProvenance(
        asset_digest=fields["assetDigest"],
        metadata_digest=fields["metadataDigest"],
        model_digest=fields["modelDigest"],
        prompt_digest=fields["promptDigest"],
        creator=fields["creator"],
        metadata_codec=fields["metadataCodec"],
        royalty_bps=fields["royaltyBps"],
        minted_at=datetime.fromtimestamp(fields["mintedAt"], UTC),
    )
