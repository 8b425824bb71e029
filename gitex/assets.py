"""Assets: stored outputs with their provenance."""

from dataclasses import dataclass
from datetime import datetime

from gitex.events import Execution, StageSeconds
from gitex.specs import ImageSpec


@dataclass(frozen=True)
class Asset:
    """One stored picture. Its bytes lie in the blob store under `sha256`."""

    id: str
    sha256: str
    media_type: str
    size: int
    spec: ImageSpec
    stages: StageSeconds
    created_at: datetime
    """Always aware, UTC."""
    execution: Execution | None = None
    """Where and how it ran; None for assets from before this was recorded."""
