"""What `gitex doctor` looks at. A check never raises: what it cannot find out is its finding."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import httpx

from chain.anvil import anvil_program
from configs.catalog import REPOSITORY, Catalog, ModelEntry
from configs.chains import load_chain
from configs.settings import Settings, is_loopback
from configs.store_addresses import without_password
from gitex.errors import GitexError, SettingsError
from serve_app.commands.client import service_url
from serve_app.commands.ports import why_taken
from storage.database import open_database

PYTHON = (3, 11)
_GIB = 2**30
_LEAST_DISK = _GIB // 2
_WANTED_DISK = 5 * _GIB
_TORCH_SECONDS = 120.0
_HTTP_SECONDS = 5.0
# In a process of its own, so that the command line stays light and a broken install cannot take it down.
_ASK_TORCH = """
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps({"version": torch.__version__, "device": torch.cuda.get_device_name() if cuda else "CPU"}))
"""


@dataclass(frozen=True)
class Check:
    """One finding."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    mend: str = ""


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    """The interpreter that the pinned libraries need."""
    found, wanted = (".".join(map(str, pair)) for pair in (version, PYTHON))
    if version == PYTHON:
        return Check("Python", "ok", found)
    return Check("Python", "fail", found, f"make the virtual environment with Python {wanted}")


def check_torch(python: str = sys.executable) -> Check:
    """PyTorch imports, and on which device it would run."""
    try:
        run = subprocess.run(
            [python, "-c", _ASK_TORCH], capture_output=True, text=True, timeout=_TORCH_SECONDS, check=False
        )
        told = json.loads(run.stdout.splitlines()[-1]) if run.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as problem:
        return Check("torch", "fail", f"cannot be asked: {problem}", "install the project again: pip install -e .")
    if told is None:
        last = run.stderr.strip().splitlines()[-1:] or ["it ended without a word"]
        return Check("torch", "fail", f"does not import: {last[0]}", "install the project again: pip install -e .")
    return Check("torch", "ok", f"{told['version']} on {told['device']}")


def check_data_dir(folder: Path, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free) -> Check:
    """The data folder can be written to, or made, and its disk has room. Creates nothing."""
    name, there = "data folder", folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Check(name, "fail", f"{there} cannot be written to", "give this user the folder, or set GITEX_DATA_DIR")
    space = free(there)
    detail = f"{folder}, {space / _GIB:.1f} GiB free"
    if space < _WANTED_DISK:
        status: Literal["warn", "fail"] = "fail" if space < _LEAST_DISK else "warn"
        return Check(name, status, detail, "make room, or set GITEX_DATA_DIR to a larger disk")
    return Check(name, "ok", detail)


def check_database(settings: Settings) -> Check:
    """The database opens; one that is not there yet will be made at the first start."""
    is_file = settings.database_url.startswith("sqlite")
    shown = without_password(settings.database_url)
    if is_file:
        shown = unquote(settings.database_url.partition("///")[2])
        if not Path(shown).exists():
            return Check("database", "ok", f"{shown} will be made at the first start")
    try:
        asyncio.run(_open_database(settings))
    except GitexError as problem:
        mend = "move the file away, or set" if is_file else "start the server, make the database, or set another"
        return Check("database", "fail", problem.message, f"{mend} GITEX_DATABASE_URL")
    return Check("database", "ok", f"{shown} opens")


async def _open_database(settings: Settings) -> None:
    engine = await open_database(settings.database_url)
    await engine.dispose()


def check_ports(settings: Settings) -> Iterator[Check]:
    """The ports are free, or it is Gitex that holds them."""
    served = _readiness(settings)
    if served is not None:
        yield served
    else:
        yield _free_port("service port", settings.host, settings.port, "GITEX_PORT", "fail")
    dashboard = _free_port(
        "dashboard port",
        settings.dashboard_host,
        settings.dashboard_port,
        "GITEX_DASHBOARD_PORT",
        "fail" if served is None else "ok",
    )
    yield dashboard


def check_chain_port(settings: Settings) -> Iterator[Check]:
    """The embedded chain's port is free, or it is Gitex that holds it; nothing if there is to be none."""
    if settings.chain_rpc_url is None and settings.chain == "local":
        taken: Literal["ok", "fail"] = "fail" if _readiness(settings) is None else "ok"
        yield _free_port("chain port", "127.0.0.1", settings.chain_port, "GITEX_CHAIN_PORT", taken)


def check_chain(settings: Settings, anvil: Callable[[], Path | None] = anvil_program) -> Check:
    """There is a chain to mint on. Everything else works without one."""
    try:
        chain = load_chain(settings.chain)
    except SettingsError as problem:
        return Check("chain", "fail", problem.message, "correct GITEX_CHAIN")
    if settings.chain_rpc_url is not None:
        return Check("chain", "ok", f"{chain.name}, through the node of GITEX_CHAIN_RPC_URL")
    if not chain.is_local:
        return Check("chain", "warn", f"{chain.name} needs a node, so nothing can be minted", "set GITEX_CHAIN_RPC_URL")
    if (program := anvil()) is None:
        return Check("chain", "warn", "nothing can be minted: anvil is not installed", "run `make setup` where npm is")
    return Check("chain", "ok", f"{chain.name}, embedded: {program.name} is installed")


def _readiness(settings: Settings) -> Check | None:
    """What a running Gitex service says of itself; `None` if none runs there."""
    url = service_url(settings)
    try:
        with httpx.Client(timeout=_HTTP_SECONDS, trust_env=not is_loopback(settings.host)) as client:
            answer = client.get(f"{url}/readyz").json()
        parts = {part["name"]: part["problem"] for part in answer["parts"]}
        ready = answer.get("status") == "ready"
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
    broken = [f"{name}: {problem}" for name, problem in parts.items() if problem]
    if broken:
        how = "is degraded" if ready else "is not ready"
        return Check("service port", "warn", f"Gitex runs at {url} but {how}: {'; '.join(broken)}", "see its log")
    return Check("service port", "ok", f"Gitex runs at {url}")


def _free_port(name: str, host: str, port: int, setting: str, taken: Literal["ok", "fail"]) -> Check:
    if (reason := why_taken(host, port)) is None:
        return Check(name, "ok", f"{port} on {host} is free")
    if taken == "ok":
        return Check(name, "ok", f"{port} on {host} is in use while Gitex runs")
    return Check(name, "fail", f"{port} on {host} cannot be had: {reason}", f"stop what holds it, or set {setting}")


def check_models(catalog: Catalog, digest: Callable[[Path], str]) -> Iterator[Check]:
    """Every model's folder is there and holds the weights that the catalog names."""
    for entry in catalog.models:
        yield _check_model(entry, digest)


def _check_model(entry: ModelEntry, digest: Callable[[Path], str]) -> Check:
    name = f"model {entry.id}"
    if entry.source.startswith("hf://"):
        return Check(name, "warn", f"{entry.source} is fetched when the service starts", "needs the network or a cache")
    folder = REPOSITORY / entry.source
    if not folder.is_dir():
        return Check(
            name, "fail", f"there is no folder {folder}", "put the model there, or mend `source` in GITEX_CATALOG"
        )
    try:
        found = digest(folder)
    except (GitexError, OSError) as problem:
        return Check(name, "fail", f"{folder}: {problem}", "restore the folder")
    if entry.digest not in (None, found):
        return Check(name, "fail", f"{folder} holds {found}, the catalog names {entry.digest}", "restore the weights")
    return Check(name, "ok", f"{folder}, {found[:19]}" + ("" if entry.digest else " (the catalog names no digest)"))


def check_exposure(settings: Settings) -> Iterator[Check]:
    """Settings that work but should be known about."""
    for warning in settings.warnings():
        yield Check("exposure", "warn", warning, "set GITEX_API_KEY, or GITEX_HOST=127.0.0.1")
