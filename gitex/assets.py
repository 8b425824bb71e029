"""Assets: stored outputs with their provenance."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gitex.events import Execution, StageSeconds
from gitex.specs import DiffusionSettings, ImageSpec

AssetKind = Literal["image", "edit", "animation"]
"""A still from nothing but a prompt; one that began from a picture; an animated WebP."""


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
    cid: str = ""
    """CIDv1 of the bytes, computed by us; empty for assets from before this was recorded."""
    creator: str = "anonymous"
    """The tenant who asked for it first."""
    public: bool = True
    """Whether others than the creator may see it."""
    parent_id: str = ""
    """The asset that it began from, as edits and variations do; empty if from none."""
    prompt_history: tuple[str, ...] = ()
    """The prompts from the first ancestor's to its own."""
    state: Literal["kept", "deleted"] = "kept"
    """A deleted asset is a tombstone: its row stays, its bytes may be gone."""
    deleted_at: datetime | None = None
    """Aware, UTC."""

    @property
    def kind(self) -> AssetKind:
        """What sort of picture it is, as its spec says."""
        return kind_of(self.spec)


def kind_of(spec: ImageSpec) -> AssetKind:
    """What sort of picture the spec makes."""
    if isinstance(spec.settings, DiffusionSettings):
        return "image" if spec.settings.source is None else "edit"
    return "image" if spec.settings.end_seed is None else "animation"


@dataclass(frozen=True)
class AssetQuery:
    """Which assets to list, newest first. Empty fields ask for nothing."""

    viewer: str | None
    """Sees what is public and what is their own; None sees everything."""
    kind: AssetKind | None = None
    variant: str = ""
    """`name@version`."""
    parent_id: str = ""
    text: str = ""
    """Stands somewhere in the prompt, in upper or lower case."""
    after: str = ""
    """`AssetPage.next` of the page before."""
    limit: int = 20
    """1 to 100."""


@dataclass(frozen=True)
class AssetPage:
    """Some assets, newest first."""

    assets: tuple[Asset, ...]
    next: str = ""
    """What to give as `after` for the page that follows; empty at the end."""
