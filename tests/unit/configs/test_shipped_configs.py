"""The configuration files in the repository are accepted by whoever reads them."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.serve.schema import ServeDeploySchema

from configs.catalog import REPOSITORY, load_catalog
from configs.serving import AppArgs, DeploymentOptions
from gitex.errors import ModelNotFound, SettingsError

SERVE_CONFIGS = sorted((REPOSITORY / "configs" / "serve").glob("*.yaml"))


def test_rays_own_validation_accepts_the_cluster_file() -> None:
    config = yaml.safe_load((REPOSITORY / "cluster.yaml").read_text())
    validate_config(prepare_config(config))


@pytest.mark.parametrize("path", SERVE_CONFIGS, ids=lambda path: path.name)
def test_serve_and_our_builder_accept_the_serve_configs(path: Path) -> None:
    config = ServeDeploySchema.model_validate(yaml.safe_load(path.read_text()))
    application = config.applications[0]
    assert application.import_path == "serve_app.build:build"
    args = AppArgs.model_validate(application.args)
    catalog = load_catalog()
    for served in args.models:
        entry = catalog.entry(served.model)
        # Otherwise Serve holds requests back and the engine's 429 is never heard.
        assert served.options.max_ongoing_requests >= 4 * entry.engine.max_batch + entry.engine.max_waiting
    assert sum(served.options.num_gpus for served in args.models) <= 1


def test_a_misspelt_option_is_refused() -> None:
    with pytest.raises(ValidationError):
        AppArgs.model_validate({"models": [{"model": "a", "options": {"num_gpu": 1}}]})
    with pytest.raises(ValidationError):
        AppArgs.model_validate({"models": [{"model": "a"}, {"model": "a"}]})


def test_options_become_serves() -> None:
    options = DeploymentOptions.model_validate({"autoscaling": {"max_replicas": 3}, "num_gpus": 0.25}).serve_options()
    assert "num_replicas" not in options
    assert options["autoscaling_config"]["max_replicas"] == 3
    assert options["ray_actor_options"]["num_gpus"] == 0.25


def test_a_catalog_finds_the_newest_version_and_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "models.yaml"
    entry = {"name": "a", "version": 1, "kind": "text", "source": "x"}
    path.write_text(yaml.safe_dump({"models": [entry, {**entry, "version": 2}]}))
    catalog = load_catalog(path)
    assert catalog.entry("a").version == 2
    assert catalog.entry("a@1").version == 1
    with pytest.raises(ModelNotFound):
        catalog.entry("a@3")
    path.write_text(yaml.safe_dump({"models": [entry, entry]}))
    with pytest.raises(SettingsError, match="same name@version"):
        load_catalog(path)
