"""`gitex up`: the whole system on this machine, until Ctrl-C."""

import logging
import os
import signal
import threading
import time
from pathlib import Path

import yaml
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from chain.embedded import embedded_chain
from configs.catalog import REPOSITORY
from configs.serving import AppArgs
from configs.settings import Settings
from deployments import loopback
from gitex.errors import EngineFailure, SettingsError
from serve_app.commands.ports import why_taken

APPLICATION = "gitex"
LOCAL_CONFIG = REPOSITORY / "configs" / "serve" / "local.yaml"
# Pictures and specs are small; without this Ray reserves a third of the machine's memory for its object store.
OBJECT_STORE_BYTES = 512 * 1024 * 1024


def up(settings: Settings, config: Path = LOCAL_CONFIG) -> None:
    """Start Ray and the application, show where everything is, serve until SIGINT or SIGTERM, and stop cleanly.

    Raises `SettingsError` when a port is taken or the Serve config cannot be used, `EngineFailure` when a model does
    not load.
    """
    console = Console()
    args = _read_args(config)
    _need_free_port(settings.host, settings.port, "GITEX_PORT")
    _need_free_port(settings.dashboard_host, settings.dashboard_port, "GITEX_DASHBOARD_PORT")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    started = time.monotonic()
    with embedded_chain(settings) as chain:
        try:
            with console.status("starting Ray", spinner="dots"):
                _start_ray(settings)
            if not stop.is_set():
                with console.status("loading models", spinner="dots"):
                    _start_serve(settings, args, stop)
            if not stop.is_set():
                console.print(_screen(settings, args, chain, time.monotonic() - started))
                stop.wait()
        finally:
            # A second Ctrl-C must not leave half a cluster behind.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            with console.status("stopping: requests in flight may finish", spinner="dots"):
                _stop()
    console.print("stopped")


def _read_args(config: Path) -> AppArgs:
    try:
        return AppArgs.model_validate(yaml.safe_load(config.read_text())["applications"][0]["args"])
    except (OSError, KeyError, IndexError, TypeError, ValueError, yaml.YAMLError) as problem:
        raise SettingsError(f"Serve config {config}: {problem}") from problem


def _need_free_port(host: str, port: int, setting: str) -> None:
    if (reason := why_taken(host, port)) is not None:
        raise SettingsError(
            f"{setting}: port {port} on {host} cannot be used ({reason}); "
            f"stop what listens there, or choose another: {setting}={port + 1} make run",
            param=setting,
        )


def _start_ray(settings: Settings) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # Ray reads its environment when it is imported.
    os.environ.update(PYTHONPATH=str(REPOSITORY), **loopback.ENVIRONMENT)
    import ray

    # It says that the dashboard wants a token; our screen says so too, and how to get it.
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    ray.init(
        address="local",
        namespace="gitex",
        include_dashboard=True,
        dashboard_host=settings.dashboard_host,
        dashboard_port=settings.dashboard_port,
        object_store_memory=OBJECT_STORE_BYTES,
        logging_level=logging.WARNING,
        log_to_driver=False,
        runtime_env=loopback.RUNTIME_ENV,
    )


def _start_serve(settings: Settings, args: AppArgs, stop: threading.Event) -> None:
    from ray import serve

    from serve_app.build import build

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": settings.host, "port": settings.port},
        logging_config={"log_level": settings.log_level.upper()},
    )
    try:
        serve.run(build(args), name=APPLICATION, route_prefix="/")
    except RuntimeError as problem:
        application = serve.status().applications[APPLICATION]
        broken = {name: part.message for name, part in application.deployments.items() if part.status == "UNHEALTHY"}
        reasons = "\n".join(f"{name}: {message}" for name, message in broken.items()) or application.message
        raise EngineFailure(f"the application did not start\n{reasons}") from problem


def _stop() -> None:
    import ray
    from ray import serve

    if ray.is_initialized():
        # Deleting the application drains its replicas; ending Ray then ends the rest.
        if APPLICATION in serve.status().applications:
            serve.delete(APPLICATION)
        ray.shutdown()


def _screen(settings: Settings, args: AppArgs, chain: str, seconds: float) -> Panel:
    url = settings.public_url or f"http://{_reachable(settings.host)}:{settings.port}"
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold")
    rows.add_column(overflow="fold")
    rows.add_row("HTTP API", f"{url}/docs")
    rows.add_row("Ray dashboard", f"http://{_reachable(settings.dashboard_host)}:{settings.dashboard_port}")
    rows.add_row("", "asks once for the token that `.venv/bin/ray get-auth-token` prints")
    rows.add_row("Metrics", f"{url}/metrics")
    rows.add_row("Models", ", ".join(served.model for served in args.models))
    rows.add_row("Chain", chain)
    rows.add_row("Data", str(settings.data_dir))
    rows.add_row("A picture", _curl(url, settings))
    rows.add_row("Or", '.venv/bin/gitex image "a red star on a blue background" -o star.png')
    rows.add_row("Stop", "Ctrl-C")
    return Panel(rows, title=f"Gitex is up ({seconds:.0f} s)", border_style="green", expand=False)


def _curl(url: str, settings: Settings) -> str:
    key = ' -H "authorization: Bearer $GITEX_API_KEY"' if settings.api_key else ""
    body = '{"prompt": "a red star on a blue background", "seed": 1}'
    return (
        f"curl -s {url}/v1/images/generations{key} -H 'content-type: application/json' "
        f"-H 'accept: image/png' -d '{body}' -o star.png"
    )


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
