"""What our contracts are created with: pure words, from the chain's terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chain.abi import encode_values
from chain.address import ZERO_ADDRESS
from chain.addresses import UPGRADEABLE, Addresses
from chain.artifacts import load_artifact
from chain.contract import Contract, creation_code
from configs.chains import DeploymentTerms, TierTerms
from gitex.errors import SettingsError

GTX_UNIT = 10**18
SYSTEM = "GitexDeployer"
_WORD = 32


@dataclass(frozen=True)
class Plan:
    """One deployment."""

    terms: DeploymentTerms
    holder: str
    """Gets the first supply of GTX."""
    minter: str
    """May mint, and nothing else."""

    def system_code(self, implementations: Mapping[str, str]) -> bytes:
        """What creates the `GitexDeployer`, and so everything that is not an implementation."""
        terms = self.terms
        config = {
            "gtxImplementation": implementations["GTX"],
            "nftImplementation": implementations["GitexNFT"],
            "vaultImplementation": implementations["FeeVault"],
            "timelockDelay": terms.timelock_delay,
            "votingDelay": terms.voting_delay,
            "votingPeriod": terms.voting_period,
            "proposalThreshold": terms.proposal_threshold * GTX_UNIT,
            "quorumPercent": terms.quorum_percent,
            "holder": self.holder,
            "initialSupply": terms.initial_supply * GTX_UNIT,
            "maxSupply": terms.max_supply * GTX_UNIT,
            "cooldown": terms.cooldown,
            "activationDelay": terms.activation_delay,
            "tiers": [_tier(tier) for tier in terms.tiers],
            "treasury": ZERO_ADDRESS,  # the timelock
            "stakersShareBps": terms.stakers_share_bps,
            "gtxPerCredit": terms.gtx_per_credit,
            "weiPerCredit": terms.wei_per_credit,
            "minter": self.minter,
            "royaltyBps": terms.royalty_bps,
        }
        return creation_code(SYSTEM, config)

    def constructor_arguments(self, addresses: Addresses) -> Mapping[str, bytes]:
        """Of everything that has some, as block explorers ask for them; by what the verification files are called."""
        terms, implementations = self.terms, addresses.implementations
        system = self.system_code(implementations).removeprefix(load_artifact(SYSTEM).bytecode)
        anybody = [ZERO_ADDRESS]
        proxies = {
            f"{name}Proxy": _arguments("GitexProxy", implementations[name], self._initialisation(name, addresses))
            for name in UPGRADEABLE
        }
        return {
            SYSTEM: system,
            "TimelockController": _arguments(
                "TimelockController", terms.timelock_delay, [], anybody, addresses.system_deployer
            ),
            "GitexGovernor": _arguments(
                "GitexGovernor",
                addresses.gtx,
                addresses.timelock,
                terms.voting_delay,
                terms.voting_period,
                terms.proposal_threshold * GTX_UNIT,
                terms.quorum_percent,
            ),
            **proxies,
        }

    def _initialisation(self, name: str, addresses: Addresses) -> bytes:
        """What the proxy of that contract is set up with."""
        terms = self.terms
        arguments: tuple[Any, ...]
        match name:
            case "GTX":
                supplies = (terms.initial_supply * GTX_UNIT, terms.max_supply * GTX_UNIT)
                tiers = [_tier(tier) for tier in terms.tiers]
                arguments = (self.holder, *supplies, terms.cooldown, terms.activation_delay, tiers)
            case "FeeVault":
                prices = (terms.gtx_per_credit, terms.wei_per_credit)
                arguments = (addresses.gtx, addresses.timelock, terms.stakers_share_bps, *prices)
            case "GitexNFT":
                arguments = (self.minter, addresses.vault, terms.royalty_bps)
            case _:
                raise ValueError(f"{name} stands behind no proxy")
        return Contract(name, addresses.proxy(name)).encode("initialize", addresses.timelock, *arguments)


def _tier(tier: TierTerms) -> Mapping[str, Any]:
    return {
        "name": _word(tier.name),
        "minStake": tier.min_stake * GTX_UNIT,
        "discountBps": tier.discount_bps,
        "features": [_word(feature) for feature in tier.features],
    }


def _word(text: str) -> bytes:
    """Left-aligned ASCII. Raises `SettingsError` for what is no such word."""
    if not text.isascii() or not 0 < len(text) <= _WORD:
        raise SettingsError(f"{text!r} is not ASCII of 1 to {_WORD} characters: correct the chain's file")
    return text.encode().ljust(_WORD, b"\0")


def _arguments(name: str, *values: object) -> bytes:
    (constructor,) = load_artifact(name).of_kind("constructor")
    return encode_values(constructor.inputs, values)
