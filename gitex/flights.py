"""The words of the cluster-wide single flight: who does a digest's work, and what came of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lease:
    """The right to do a digest's work: for `seconds` after it was granted or last renewed."""

    digest: str
    token: int
    """Fencing: a later lease of any digest has a larger one, so work under an old lease is recognised and refused."""
    seconds: float


@dataclass(frozen=True)
class Held:
    """Somebody else does it, for `seconds` more unless the lease is renewed."""

    seconds: float


@dataclass(frozen=True)
class Landed:
    """It was done a moment ago."""

    asset_id: str


Claim = Lease | Held | Landed
