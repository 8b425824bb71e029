"""Mints in memory."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from chain.dev_keys import dev_keys
from chain.vouchers import VoucherDesk
from configs.chains import Chain, load_chain
from gitex.errors import Conflict, NotFound, Unavailable
from gitex.minting import Mint, MintJob, MintOrder
from gitex.vouchers import Voucher
from serve_app.services.mint_orders import MintingSite

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NFT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
ALICE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
BOB = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


@dataclass
class MemoryMints:
    """A `gitex.ports.Mints`, which nobody works on: a test moves a mint by putting another into `rows`."""

    rows: dict[str, Mint] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Which order each idempotency key was used for."""
    woken: int = 0

    async def request(self, order: MintOrder, *, idempotency_key: str = "") -> Mint:
        if idempotency_key and self.keys.get(idempotency_key, order.key) != order.key:
            raise Conflict("the idempotency key was used for another order", param="Idempotency-Key")
        there = await self.of_asset(order.asset_sha256, order.chain_id, order.contract)
        if there is not None and there.state != "failed" and there.order.key != order.key:
            raise Conflict(f"asset {order.asset_id!r} is being minted for another recipient", param="recipient")
        if idempotency_key:
            self.keys[idempotency_key] = order.key
        same = next((mint for mint in self.rows.values() if mint.order.key == order.key), None)
        if same is None:
            same = Mint(f"mnt_{len(self.rows) + 1}", order, "reserved", "", "", None, NOW, NOW)
        elif same.state == "failed":
            same = replace(same, state="reserved", reason="")
        self.rows[same.id] = same
        return same

    async def get(self, mint_id: str) -> Mint:
        if mint_id not in self.rows:
            raise NotFound(f"there is no mint {mint_id!r}", param="id")
        return self.rows[mint_id]

    async def of_asset(self, asset_sha256: str, chain_id: int, contract: str) -> Mint | None:
        place = (asset_sha256, chain_id, contract)
        found = [m for m in self.rows.values() if (m.order.asset_sha256, m.order.chain_id, m.order.contract) == place]
        standing = [mint for mint in found if mint.state != "failed"]
        return (standing or found or [None])[-1]

    def wake(self) -> None:
        self.woken += 1


@dataclass
class FakeSite:
    """A chain with a contract, whose node answers unless there is a `problem`."""

    chain: str = "local"
    missing: str = ""
    """Why nothing can be minted at all."""
    problem: str = ""
    block: int = 100

    @property
    def settings(self) -> Chain:
        """Of that chain."""
        return load_chain(self.chain)

    def __call__(self) -> MintingSite:
        if self.missing:
            raise Unavailable(self.missing, param="GITEX_CHAIN_RPC_URL")
        return MintingSite(self.settings, NFT)

    async def height(self) -> int:
        if self.problem:
            raise Unavailable(self.problem)
        return self.block


@dataclass
class FakeMinting:
    """The minting actor's part of a voucher, with a development key; and a chain on which some assets are minted."""

    minted: set[bytes] = field(default_factory=set)
    problem: str = ""
    jobs: list[MintJob] = field(default_factory=list)
    time: datetime = NOW
    paused: int = 0

    async def is_minted(self, digest: bytes) -> bool:
        return digest in self.minted

    async def sign(self, job: MintJob, price: int, deadline: datetime) -> Voucher:
        if self.problem:
            raise Unavailable(self.problem)
        self.jobs.append(job)
        keys = dev_keys(load_chain("local"))
        desk = VoucherDesk(keys, keys.addresses[0], job.order.chain_id, job.order.contract)
        return await desk.issue(job, price=price, deadline=deadline)

    def now(self) -> datetime:
        return self.time

    async def pause(self, seconds: float) -> None:
        self.paused += 1
        self.time += timedelta(seconds=seconds)
