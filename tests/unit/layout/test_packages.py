import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from configs.catalog import REPOSITORY

PACKAGES = ("gitex", "configs", "models", "storage", "chain", "deployments", "serve_app")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_ours_and_not_one_of_the_same_name(name: str) -> None:
    file = importlib.import_module(name).__file__
    assert file is not None
    assert Path(file).is_relative_to(REPOSITORY)


@pytest.mark.parametrize(
    "name", ["gitex", "configs.settings", "configs.catalog", "storage.assets", "serve_app.http.app"]
)
def test_light_rooms_stay_light(name: str) -> None:
    code = f"import sys, {name}; print(sorted({{'torch', 'ray', 'diffusers', 'transformers'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
