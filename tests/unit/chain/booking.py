"""Indexers of one chain that book into one ledger."""

from chain.deposits import DepositIndexer
from gitex.credits import Deposit
from gitex.metrics import DEPOSITS
from tests.fakes.credits import MemoryLedger
from tests.fakes.stores import MemoryRecorder
from tests.fakes.vault_chain import CHAIN_ID, VAULT, VaultChain


class Booking:
    """A chain, a ledger, and as many indexers as a test wants."""

    def __init__(self, final_depth: int = 2) -> None:
        self.chain = VaultChain(final_depth)
        self.ledger = MemoryLedger()
        self.recorder = MemoryRecorder()
        self.indexer = self.another()

    def another(self) -> DepositIndexer:
        return DepositIndexer(self.chain.node, self.ledger, CHAIN_ID, VAULT, 0, recorder=self.recorder)

    @property
    def counted(self) -> float:
        """How many deposits the metric says were credited."""
        return self.recorder.counted(DEPOSITS.name, chain=str(CHAIN_ID))

    @property
    def booked(self) -> list[Deposit]:
        return self.ledger.booked.get((CHAIN_ID, VAULT), [])

    async def catch_up(self, indexer: DepositIndexer | None = None) -> None:
        while await (indexer or self.indexer).work_once():
            pass
