"""A signer with the published development keys, for tests of what signs through the port."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.signer import SignedTransaction, UnsignedTransaction
from chain.signing_forms import signable
from gitex.errors import Unavailable

_MNEMONIC = "test test test test test test test test test test test junk"


@cache
def account(index: int) -> LocalAccount:
    """One of the development accounts."""
    Account.enable_unaudited_hdwallet_features()
    made: LocalAccount = Account.from_mnemonic(_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return made


@dataclass
class KeySigner:
    """A `chain.signer.Signer`."""

    keys: int = 1
    down: bool = False
    signed: int = 0

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(account(index).address for index in range(self.keys))

    async def sign_transaction(self, address: str, transaction: UnsignedTransaction) -> SignedTransaction:
        if self.down:
            raise Unavailable("the signer does not answer")
        self.signed += 1
        fields = {
            "type": 2,
            "chainId": transaction.chain_id,
            "nonce": transaction.nonce,
            "to": transaction.to,
            "data": transaction.data,
            "gas": transaction.gas,
            "maxFeePerGas": transaction.max_fee,
            "maxPriorityFeePerGas": transaction.priority_fee,
            "value": transaction.value,
        }
        signed = account(self.addresses.index(address)).sign_transaction(fields)
        return SignedTransaction("0x" + signed.hash.hex().removeprefix("0x"), bytes(signed.raw_transaction))

    async def sign_typed_data(self, address: str, typed_data: Mapping[str, Any]) -> bytes:
        if self.down:
            raise Unavailable("the signer does not answer")
        return bytes(account(self.addresses.index(address)).sign_message(signable(typed_data)).signature)
