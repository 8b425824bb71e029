"""The use case of staking: what a wallet has locked, and what it gets for that."""

from collections.abc import Callable
from dataclasses import dataclass

from configs.chains import Chain
from gitex.ports import StakingRegistry
from gitex.staking import StakingState


@dataclass(frozen=True)
class Staking:
    """Reads only: wallets stake by themselves."""

    registry: Callable[[], StakingRegistry]
    """Raises `Unavailable` while the chain's contracts are not known."""
    chain: Chain

    async def state(self, wallet: str) -> StakingState:
        """As of a block that stays. Raises `InvalidInput` that names `wallet`, and `Unavailable`."""
        return await self.registry().read(wallet)
