"""The chains that can be minted on, each a file of `configs/chains`."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gitex.errors import SettingsError

FOLDER = Path(__file__).with_name("chains")
LOCAL_CHAIN_ID = 31337
"""Of the embedded chain, and the only one on which development keys are taken."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TierTerms(_Frozen):
    """One staking tier."""

    name: str = Field(min_length=1, max_length=31)
    min_stake: int = Field(gt=0, description="in whole GTX")
    discount_bps: int = Field(ge=0, le=5000, description="off fees, in basis points")
    features: tuple[str, ...] = Field((), description="names of premium features")


class DeploymentTerms(_Frozen):
    """What the contracts are set up with. Seconds, whole GTX, wei, basis points."""

    timelock_delay: int = Field(ge=0)
    voting_delay: int = Field(ge=0)
    voting_period: int = Field(gt=0)
    proposal_threshold: int = Field(ge=0, description="in whole GTX")
    quorum_percent: int = Field(ge=1, le=100)
    initial_supply: int = Field(gt=0, description="in whole GTX; goes to the deployer")
    max_supply: int = Field(gt=0, description="in whole GTX")
    cooldown: int = Field(ge=0)
    activation_delay: int = Field(ge=0)
    tiers: tuple[TierTerms, ...]
    stakers_share_bps: int = Field(ge=0, le=10_000)
    gtx_per_credit: int = Field(gt=0, description="in units of 1e-18 GTX")
    wei_per_credit: int = Field(gt=0)
    royalty_bps: int = Field(ge=0, le=1000)


class Chain(_Frozen):
    """One chain."""

    name: str
    chain_id: int = Field(gt=0)
    currency: str
    block_seconds: float = Field(gt=0, description="usual time between blocks")
    finality: Literal["finalized"] | Annotated[int, Field(ge=1)] = Field(
        "finalized", description="the node's own word, or how many blocks on top make one final"
    )
    replace_after_blocks: int = Field(3, ge=1, description="raise the fees of what was not mined within that many")
    explorer: str | None = Field(None, description="address that `/tx/{hash}` and `/token/{contract}/{id}` follow")
    deployment: DeploymentTerms

    @property
    def is_local(self) -> bool:
        """Whether it is the embedded chain's kind, which development keys may sign for."""
        return self.chain_id == LOCAL_CHAIN_ID


def load_chain(name: str, folder: Path = FOLDER) -> Chain:
    """The chain of that name. Raises `SettingsError` if there is no such file, or it cannot be used."""
    path = folder / f"{name}.yaml"
    try:
        return Chain.model_validate(yaml.safe_load(path.read_text()))
    except FileNotFoundError as problem:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise SettingsError(
            f"GITEX_CHAIN: there is no chain {name!r}; known: {known}", param="GITEX_CHAIN"
        ) from problem
    except (OSError, yaml.YAMLError, ValidationError) as problem:
        raise SettingsError(f"{path.name} cannot be used: {problem}", param="GITEX_CHAIN") from problem
