"""Tokens, read back."""

from typing import Annotated

from fastapi import APIRouter, Path

from serve_app.http.dependencies import ServicesDep
from serve_app.http.schemas.errors import documented
from serve_app.http.schemas.tokens import TokenBody
from serve_app.services.tokens import parse_token_id

router = APIRouter(tags=["minting"])
TokenId = Annotated[
    str,
    Path(
        pattern="^(0[xX][0-9a-fA-F]{1,64}|[0-9]{1,78})$",
        description="decimal, or hexadecimal behind 0x: the asset's SHA-256",
        examples=["0x" + "0" * 63 + "1"],
    ),
]


@router.get("/v1/tokens/{token_id}", responses=documented(400, 404, 429, 503), response_model_exclude_none=True)
async def get_token(token_id: TokenId, services: ServicesDep) -> TokenBody:
    """A token as chain and IPFS have it, and whether picture, metadata and prompt history all match."""
    return TokenBody.of(await services.tokens.verify(parse_token_id(token_id)))
