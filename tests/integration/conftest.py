"""A real Ray cluster with the real application, the shipped models and a chain, once for all integration tests."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import ray
import yaml
from eth_account import Account
from ray import serve
from ray._private import ray_constants

from chain.embedded import embedded_chain
from configs.catalog import REPOSITORY
from configs.serving import AppArgs
from configs.settings import load_settings
from deployments import loopback
from serve_app.build import build
from tests.fakes.ports import free_port
from tests.integration.chain.anvil_process import install as install_anvil


class MinterKey(NamedTuple):
    """What mints, and what nobody may ever read."""

    file: Path
    password: str
    key: bytes


@pytest.fixture(scope="session")
def minter_key(tmp_path_factory: pytest.TempPathFactory) -> MinterKey:
    """A key that nobody had before, in a keystore file."""
    key, password = secrets.token_bytes(32), secrets.token_hex(16)
    file = tmp_path_factory.mktemp("keys") / "minter.json"
    file.write_text(json.dumps(Account.encrypt(key, password, kdf="pbkdf2", iterations=1000)))
    return MinterKey(file, password, key)


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory, minter_key: MinterKey) -> Iterator[str]:
    """The address of a running service."""
    data = tmp_path_factory.mktemp("data")
    environment = {
        "PYTHONPATH": str(REPOSITORY),
        "GITEX_DATA_DIR": str(data),
        "GITEX_CHAIN_PORT": str(free_port()),
        "GITEX_CHAIN_KEYSTORES": str(minter_key.file),
        "GITEX_CHAIN_KEYSTORE_PASSWORD": minter_key.password,
        **loopback.ENVIRONMENT,
    }
    install_anvil()
    with _environment(environment), embedded_chain(load_settings()), _cluster() as url:
        yield url


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@contextmanager
def _cluster() -> Iterator[str]:
    ray_constants.ENABLE_RAY_CLUSTER = False  # Ray was imported before the environment was set
    ray.init(
        address="local",
        namespace="gitex",
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=256 * 2**20,
        log_to_driver=False,
        runtime_env=loopback.RUNTIME_ENV,
    )
    try:
        port = free_port()
        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
        serve.run(build(_local_args()), name="gitex", route_prefix="/")
        yield f"http://127.0.0.1:{port}"
    finally:
        serve.shutdown()
        ray.shutdown()


@pytest.fixture
def client(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
        yield client


def _local_args() -> AppArgs:
    config = yaml.safe_load(Path(REPOSITORY, "configs/serve/local.yaml").read_text())
    return AppArgs.model_validate(config["applications"][0]["args"])
