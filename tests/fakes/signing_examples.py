"""Something to sign."""

from chain.signer import UnsignedTransaction
from configs.chains import LOCAL_CHAIN_ID

BOB = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TRANSACTION = UnsignedTransaction(
    chain_id=LOCAL_CHAIN_ID, nonce=7, to=BOB, data=b"\x12\x34", gas=50_000, max_fee=30, priority_fee=2, value=5
)
CREATION = UnsignedTransaction(
    chain_id=LOCAL_CHAIN_ID, nonce=0, to="", data=b"\x60\x00", gas=100_000, max_fee=1, priority_fee=0
)
TYPED_DATA = {
    "types": {
        "Order": [
            {"name": "uid", "type": "bytes32"},
            {"name": "price", "type": "uint256"},
            {"name": "good", "type": "bool"},
            {"name": "items", "type": "Item[]"},
        ],
        "Item": [{"name": "to", "type": "address"}, {"name": "prompt", "type": "bytes"}],
    },
    "primaryType": "Order",
    "domain": {"name": "GitexNFT", "version": "1", "chainId": LOCAL_CHAIN_ID, "verifyingContract": BOB},
    "message": {
        "uid": b"\x07" * 32,
        "price": 2**255 + 1,
        "good": True,
        "items": [{"to": BOB, "prompt": b'["a cat"]'}],
    },
}
