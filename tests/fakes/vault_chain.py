"""A chain in memory with a fee vault on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from chain.contract import Contract
from gitex.credits import Deposit
from tests.fakes.read_node import Emitted, ReadNode

CHAIN_ID = 31337
VAULT = "0x00000000000000000000000000000000000000Fe"
PAYER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
COIN = "0x0000000000000000000000000000000000000000"


def account(number: int) -> str:
    """An account's reference."""
    return f"0x{number:064x}"


@dataclass(frozen=True)
class Paid:
    """What somebody pays."""

    account: int = 1
    credits: int = 5


class VaultChain:
    """A `ReadNode` whose vault numbers its deposits as the real one does."""

    def __init__(self, final_depth: int = 2) -> None:
        self.node = ReadNode(final_depth=final_depth)
        self.node.contracts[VAULT] = ("FeeVault", {"depositCount": self._count})
        self._vault = Contract("FeeVault", VAULT)
        self._topic = self._vault.topic("Deposited")

    def mine(self, *paid: Paid) -> None:
        """A block with these deposits."""
        first = self._count(len(self.node.blocks) - 1) + 1
        self.node.mine(*(_event(first + place, each) for place, each in enumerate(paid)))

    def reorganise(self, depth: int, blocks: Sequence[Sequence[Paid]]) -> None:
        """Replace the newest `depth` blocks by these."""
        self.node.reorganise(depth)
        for paid in blocks:
            self.mine(*paid)

    def finish(self) -> None:
        """Make all that there is final."""
        self.node.mine_empty(self.node.final_depth)

    def deposits(self, final: bool = True) -> list[Deposit]:
        """What is there, up to the newest block that stays or to the newest of all."""
        end = max(0, len(self.node.blocks) - 1 - (self.node.final_depth if final else 0))
        logs = [log for block in self.node.blocks[: end + 1] for log in block.logs]
        found = []
        for log in logs:
            values = self._vault.event(log)
            assert values is not None
            found.append(
                Deposit(
                    CHAIN_ID,
                    VAULT,
                    values["depositId"],
                    f"0x{values['account'].hex()}",
                    values["payer"],
                    values["asset"],
                    values["amount"],
                    values["credits"],
                    values["discountBps"],
                    log.block_number,
                    log.transaction_hash,
                )
            )
        return found

    def _count(self, block: int) -> int:
        logs = [log for found in self.node.blocks[: block + 1] for log in found.logs]
        return sum(log.topics[0] == self._topic for log in logs)


def _event(deposit_id: int, paid: Paid) -> Emitted:
    values = {
        "depositId": deposit_id,
        "account": bytes.fromhex(account(paid.account)[2:]),
        "payer": PAYER,
        "asset": COIN,
        "amount": paid.credits * 10**13,
        "credits": paid.credits,
        "discountBps": 0,
    }
    return Emitted("FeeVault", VAULT, "Deposited", values)
