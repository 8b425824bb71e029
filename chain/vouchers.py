"""Signs vouchers: mints that the creator's own wallet sends and pays for (EIP-712, eips.ethereum.org/EIPS/eip-712)."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from eth_utils.crypto import keccak

from chain.contract import Contract
from chain.mint_calls import mint_request
from chain.signer import Signer
from chain.signing_forms import checked_signature, signable, typed_data_json
from gitex.errors import InvalidInput, Unavailable
from gitex.minting import MAX_PROMPT_BYTES, MAX_ROYALTY_BPS, MintJob
from gitex.vouchers import Voucher

_REQUEST_TYPE = {
    "to": "address",
    "creator": "address",
    "assetDigest": "bytes32",
    "metadataDigest": "bytes32",
    "modelDigest": "bytes32",
    "metadataCodec": "uint8",
    "royaltyBps": "uint16",
    "prompt": "bytes",
}
_VOUCHER_TYPE = {"uid": "bytes32", "deadline": "uint64", "price": "uint256", "request": "MintRequest"}
_TYPES = {
    kind: [{"name": name, "type": of} for name, of in fields.items()]
    for kind, fields in (("MintVoucher", _VOUCHER_TYPE), ("MintRequest", _REQUEST_TYPE))
}
_UID_BYTES = 32


class VoucherDesk:
    """Signs for one `GitexNFT`, with one key that may mint. Keeps nothing: the contract knows which are used."""

    def __init__(
        self,
        signer: Signer,
        address: str,
        chain_id: int,
        nft: str,
        *,
        new_uid: Callable[[], bytes] = lambda: secrets.token_bytes(_UID_BYTES),
    ) -> None:
        """`address`: of the key, which must hold the minter's role. `nft`: of the contract."""
        self._signer = signer
        self._address = address
        self._chain_id = chain_id
        self._nft = Contract("GitexNFT", nft)
        self._new_uid = new_uid

    async def issue(self, job: MintJob, *, price: int, deadline: datetime) -> Voucher:
        """A voucher for the job's order, which `order.creator` may redeem once.

        `price` in wei; of `deadline` whole seconds count. The job's `mint_id` and `alone` play no part. Raises
        `InvalidInput` for an order that is not of this chain and contract, or that the contract could not take; what
        `Signer` raises, `Unavailable` as well if what it gives is not that key's signature.
        """
        voucher = (self._new_uid(), int(deadline.timestamp()), price, mint_request(job))
        self._check(job, voucher)
        typed_data = self._typed_data(*voucher)
        given = await self._signer.sign_typed_data(self._address, typed_data)
        try:
            # In a thread: the mathematics takes milliseconds that the event loop does not have.
            signature = await asyncio.to_thread(checked_signature, given, self._address, typed_data)
        except ValueError as problem:
            raise Unavailable(f"what signs vouchers gives no usable signature: {problem}") from problem
        uid, seconds, _, _ = voucher
        return Voucher(
            uid=_hex(uid),
            chain_id=self._chain_id,
            contract=self._nft.address,
            creator=job.order.creator,
            token_id=job.order.token_id,
            deadline=datetime.fromtimestamp(seconds, UTC),
            price=price,
            signer=self._address,
            signature=_hex(signature),
            digest=_hex(_digest(typed_data)),
            typed_data=typed_data_json(typed_data),
            calldata=_hex(self._nft.encode("redeem", voucher, self._address, signature)),
        )

    def _check(self, job: MintJob, voucher: tuple[Any, ...]) -> None:
        """Nothing is signed that could never be redeemed."""
        order = job.order
        if (order.chain_id, order.contract.lower()) != (self._chain_id, self._nft.address.lower()):
            raise InvalidInput(f"the order is for {order.contract} on chain {order.chain_id}")
        if not 0 <= order.royalty_bps <= MAX_ROYALTY_BPS:
            raise InvalidInput(f"a royalty is from 0 to {MAX_ROYALTY_BPS} basis points", param="royalty_bps")
        if not 1 <= len(job.prompt) <= MAX_PROMPT_BYTES:
            raise InvalidInput(f"a token keeps 1 to {MAX_PROMPT_BYTES} bytes of prompt history, not {len(job.prompt)}")
        try:
            self._nft.encode("voucherDigest", voucher)
        except ValueError as problem:
            raise InvalidInput(f"the contract could not take this voucher: {problem}") from problem

    def _typed_data(self, uid: bytes, deadline: int, price: int, request: tuple[Any, ...]) -> dict[str, Any]:
        return {
            "types": _TYPES,
            "primaryType": "MintVoucher",
            "domain": {
                "name": "GitexNFT",
                "version": "1",
                "chainId": self._chain_id,
                "verifyingContract": self._nft.address,
            },
            "message": {
                "uid": uid,
                "deadline": deadline,
                "price": price,
                "request": dict(zip(_REQUEST_TYPE, request, strict=True)),
            },
        }


def _digest(typed_data: Mapping[str, Any]) -> bytes:
    message = signable(typed_data)
    return keccak(b"\x19" + message.version + message.header + message.body)


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
