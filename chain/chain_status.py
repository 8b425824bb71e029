"""How a deployment stands: what an operator wants to see at a glance."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from chain.addresses import Addresses
from chain.contract import Contract
from chain.contract_code import ContractCode
from chain.event_windows import EventWindows
from chain.governance import ProposalState, proposal_state
from chain.node import Head, LogsRefused, Node
from chain.reading import read
from chain.verification import Standing, faults, powers, standings


class Key(NamedTuple):
    """One of the keys that the settings name."""

    address: str
    balance: int
    """In wei."""
    powers: Sequence[str]
    """Roles, as in `minter of GitexNFT`."""


class OpenProposal(NamedTuple):
    """One that may still come to something."""

    id: int
    description: str
    state: ProposalState


class ChainStatus(NamedTuple):
    """One chain."""

    head: Head
    finalized: Head
    contracts: Sequence[Standing]
    faults: Sequence[str]
    """What is not as a deployment leaves it; empty if all is."""
    tokens: int
    """Minted."""
    gtx_supply: int
    """In units of 1e-18."""
    keys: Sequence[Key]
    proposals: Sequence[OpenProposal] | None
    """None if the node does not look through its events."""


async def chain_status(node: Node, code: ContractCode, addresses: Addresses, accounts: Sequence[str]) -> ChainStatus:
    """Ask the chain. `accounts`: whose keys the settings name. Raises `Unavailable`."""
    await node.check()
    head, finalized, contracts, found, tokens, supply, keys, proposals = await asyncio.gather(
        node.head(),
        node.finalized(),
        standings(node, code, addresses),
        faults(node, code, addresses),
        read(node, Contract("GitexNFT", addresses.nft), "totalSupply"),
        read(node, Contract("GTX", addresses.gtx), "totalSupply"),
        asyncio.gather(*(_key(node, addresses, account) for account in accounts)),
        _proposals(node, Contract("GitexGovernor", addresses.governor), addresses.deployed_at_block),
    )
    return ChainStatus(head, finalized, contracts, found, int(tokens), int(supply), keys, proposals)


async def _key(node: Node, addresses: Addresses, address: str) -> Key:
    return Key(address, await node.balance(address), await powers(node, addresses, address))


async def _proposals(node: Node, governor: Contract, first: int) -> list[OpenProposal] | None:
    try:
        made = await _made(node, governor, first)
    except LogsRefused:
        return None
    states = await asyncio.gather(*(proposal_state(node, governor, proposal["proposalId"]) for proposal in made))
    return [
        OpenProposal(proposal["proposalId"], proposal["description"], state)
        for proposal, state in zip(made, states, strict=True)
        if state is not None and state in _OPEN
    ]


async def _made(node: Node, governor: Contract, first: int) -> list[dict[str, Any]]:
    last = (await node.head()).number
    windows, topics, found = EventWindows(node, governor.address), [governor.topic("ProposalCreated")], []
    while first <= last:
        window = await windows.ahead(topics, first, last)
        found += [event for log in window.logs if (event := governor.event(log)) is not None]
        first = window.last + 1
    return found


_OPEN = (ProposalState.PENDING, ProposalState.ACTIVE, ProposalState.SUCCEEDED, ProposalState.QUEUED)
