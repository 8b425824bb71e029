"""A real Ray cluster with the real application and the shipped models, once for all integration tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import ray
import yaml
from ray import serve
from ray._private import ray_constants

from configs.catalog import REPOSITORY
from configs.serving import AppArgs
from deployments import loopback
from serve_app.build import build
from tests.fakes.ports import free_port


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running service."""
    port, data = free_port(), tmp_path_factory.mktemp("data")
    environment = {"PYTHONPATH": str(REPOSITORY), "GITEX_DATA_DIR": str(data), **loopback.ENVIRONMENT}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
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
        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
        serve.run(build(_local_args()), name="gitex", route_prefix="/")
        yield f"http://127.0.0.1:{port}"
    finally:
        serve.shutdown()
        ray.shutdown()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@pytest.fixture
def client(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url, timeout=60, trust_env=False) as client:
        yield client


def _local_args() -> AppArgs:
    config = yaml.safe_load(Path(REPOSITORY, "configs/serve/local.yaml").read_text())
    return AppArgs.model_validate(config["applications"][0]["args"])
