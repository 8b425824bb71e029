"""One digest for a model folder."""

import hashlib
from pathlib import Path

from gitex.errors import SettingsError


def weights_digest(folder: Path) -> str:
    """`sha256:` and 64 hex digits over every file of a model folder, by sorted relative path and contents.

    Files whose path has a part that starts with a dot are left out: tools drop such things without asking. The same
    digest comes from a shell, in the folder:

        find -L . -type f -not -path '*/.*' -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum

    Raises `SettingsError` if there is no file.
    """
    names = sorted(
        (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()), key=str.encode
    )
    visible = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    if not visible:
        raise SettingsError(f"{folder} has no files", param="source")
    total = hashlib.sha256()
    for name in visible:
        with (folder / name).open("rb") as file:
            total.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n".encode())
    return f"sha256:{total.hexdigest()}"


def weights_date(folder: Path) -> int:
    """Unix seconds of the newest weight file in a model folder; 0 if it has none."""
    return max((int(path.stat().st_mtime) for path in folder.rglob("*.safetensors")), default=0)
