"""Governance on a real chain, with short votes: upgrades and keys that may mint."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chain.addresses import load_addresses
from chain.artifacts import load_artifact
from chain.chain_status import chain_status
from chain.contract import Contract
from chain.deployment import Deployment
from chain.governance import ProposalState, Waiting
from chain.upgrade import Upgraded, grant_minters, outdated, upgrade
from chain.verification import faults, powers
from configs.chains import load_chain
from gitex.errors import SettingsError
from tests.integration.chain.deployed import Deployed, deployed_anew, deployment_on

TERMS = {"voting_period": 2, "timelock_delay": 1}


@pytest.fixture
def governed(tmp_path: Path) -> Iterator[Deployed]:
    """A chain of its own whose votes take seconds."""
    chain = load_chain("local")
    quick = chain.model_copy(update={"deployment": chain.deployment.model_copy(update=TERMS)})
    with deployed_anew(tmp_path, quick) as deployed:
        yield deployed


@pytest.fixture
async def deployment(governed: Deployed) -> AsyncIterator[Deployment]:
    async with deployment_on(governed.url, governed.chain, governed.folder, governed.signer) as deployment:
        yield deployment


async def test_an_upgrade_goes_through_a_vote_and_back_and_keeps_the_state(
    governed: Deployed, deployment: Deployment
) -> None:
    key, before = deployment.key, governed.addresses
    nft = Contract("GitexNFT", before.nft)
    assert await upgrade(deployment, "GitexNFT") == Upgraded("GitexNFT", before.implementations["GitexNFT"], True)
    done = await upgrade(deployment, "GitexNFT", code=_another("GitexNFT"))
    assert isinstance(done, Upgraded)
    assert not done.was_already
    assert await deployment.code.implementation(before.nft) == done.implementation
    assert await outdated(deployment) == ["GitexNFT"]
    assert "GitexNFT is not what this version of Gitex compiled" in await faults(key.node, deployment.code, before)
    assert await powers(key.node, before, before.minter) == ["minter of GitexNFT"]
    assert await key.read(nft, "symbol") == "GITEX"

    back = await upgrade(deployment, "GitexNFT")
    assert isinstance(back, Upgraded)
    assert back.implementation not in (done.implementation, before.implementations["GitexNFT"])
    after = load_addresses(governed.folder, governed.chain.chain_id)
    assert after.implementations["GitexNFT"] == back.implementation
    assert after.nft == before.nft
    assert await faults(key.node, deployment.code, after) == []


async def test_an_upgrade_that_is_called_again_and_again_does_each_step_once(
    governed: Deployed, deployment: Deployment
) -> None:
    key = deployment.key
    nonce = await key.node.nonce(key.address)
    waits = 0
    async with asyncio.timeout(60):
        while isinstance(outcome := await upgrade(deployment, "GTX", code=_another("GTX"), patience_s=0), Waiting):
            assert outcome.until > 0
            waits += 1
            await key.pass_time()
            nonce += 1
            await asyncio.sleep(0.1)
    assert waits >= 3
    # Implementation, delegation, proposal, vote, queue, execution.
    assert await key.node.nonce(key.address) - nonce == 6
    assert not list((governed.folder / "31337").glob("upgrading-*"))


async def test_an_open_vote_is_in_the_status_and_a_closed_one_is_not(
    governed: Deployed, deployment: Deployment
) -> None:
    async def status() -> list[tuple[str, ProposalState]]:
        found = await chain_status(deployment.key.node, deployment.code, governed.addresses, governed.signer.addresses)
        assert found.proposals is not None
        return [(proposal.description, proposal.state) for proposal in found.proposals]

    assert await status() == []
    while isinstance(waiting := await upgrade(deployment, "GTX", code=_another("GTX"), patience_s=0), Waiting):
        if "the vote begins" in waiting.what:
            ((description, state),) = await status()
            assert description.startswith("Upgrade GTX to 0x")
            assert state is ProposalState.PENDING
        await deployment.key.pass_time()
        await asyncio.sleep(0.1)
    assert await status() == []


async def test_more_keys_may_mint_after_a_vote(governed: Deployed, deployment: Deployment) -> None:
    first, second, third, *_ = governed.signer.addresses
    assert await grant_minters(deployment, [first, second, third]) == [second, third]
    assert await powers(deployment.key.node, governed.addresses, third) == ["minter of GitexNFT"]
    assert await grant_minters(deployment, [first, second, third]) == ()


async def test_a_key_without_votes_is_told_what_a_holder_has_to_send(
    governed: Deployed, deployment: Deployment
) -> None:
    poor = replace(deployment, key=replace(deployment.key, address=governed.signer.addresses[5]))
    outcome = await grant_minters(poor, [governed.signer.addresses[6]])
    assert isinstance(outcome, Waiting)
    assert outcome.until == 0
    assert governed.addresses.governor in outcome.what


async def test_only_what_stands_behind_a_proxy_can_be_upgraded(deployment: Deployment) -> None:
    with pytest.raises(SettingsError, match="GitexNFT"):
        await upgrade(deployment, "GitexGovernor")


def _another(contract: str) -> bytes:
    """Code that does the same and is not the same: one `revert(0, 0)` is written in another way."""
    before, _, behind = load_artifact(contract).bytecode.rpartition(b"\x5f\x5f\xfd")  # PUSH0 PUSH0 REVERT
    return before + b"\x5f\x80\xfd" + behind  # PUSH0 DUP1 REVERT
