"""Content paths, `CID/name/name`, as a gateway reads them: strictly, so that nothing has two addresses."""

from dataclasses import dataclass
from typing import Self

from gitex.errors import InvalidInput
from storage.ipfs.cid import Cid
from storage.ipfs.reader import split_path


@dataclass(frozen=True)
class ContentPath:
    """A root and the names to follow from it."""

    root: Cid
    names: tuple[str, ...] = ()
    slash: bool = False
    """Whether it ended with one, as the paths of directories do."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what stands behind `/ipfs/`, percent-decoded. Raise `InvalidInput`."""
        root, _, rest = text.partition("/")
        slash = text.endswith("/")
        rest = rest.removesuffix("/")
        names = split_path(rest)
        if len(names) != len(rest.split("/") if rest else []) or text.endswith("//"):
            raise InvalidInput("a path cannot hold an empty name", param="path")
        if any(character < " " or character == "\x7f" for character in rest):
            raise InvalidInput("a path cannot hold control characters", param="path")
        return cls(Cid.parse(root), tuple(names), slash)

    def __str__(self) -> str:
        """The canonical spelling, not percent-encoded; it begins with `/ipfs/` and has no slash at its end."""
        return "/".join(("", "ipfs", str(self.root), *self.names))
