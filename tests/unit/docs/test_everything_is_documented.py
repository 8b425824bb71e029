import re

import pytest

from configs.catalog import REPOSITORY
from configs.settings import Settings
from gitex import errors
from gitex.metrics import ALL


def _kinds(kind: type[errors.GitexError]) -> set[type[errors.GitexError]]:
    return {kind}.union(*(_kinds(below) for below in kind.__subclasses__()))


def _read(path: str) -> str:
    return (REPOSITORY / path).read_text()


@pytest.mark.parametrize("field", Settings.model_fields)
def test_a_setting_has_a_line_in_operations(field: str) -> None:
    assert f"| `GITEX_{field.upper()}` |" in _read("docs/operations.md")


@pytest.mark.parametrize("code", sorted({kind.code for kind in _kinds(errors.GitexError)}))
def test_an_error_code_has_a_line_in_the_http_api(code: str) -> None:
    assert f"`{code}`" in _read("docs/http-api.md")


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_has_a_line_with_its_labels(metric) -> None:
    line = f"| `{metric.name}` | {metric.kind} | {', '.join(metric.tags)} |"
    assert line in _read("docs/architecture/07-measuring.md")


@pytest.mark.parametrize(
    "page", sorted(str(p.relative_to(REPOSITORY)) for p in [REPOSITORY / "README.md", *REPOSITORY.glob("docs/**/*.md")])
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    folder = (REPOSITORY / page).parent
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", _read(page))
    gone = [t for t in targets if "://" not in t and not (folder / t).exists()]
    assert gone == []
