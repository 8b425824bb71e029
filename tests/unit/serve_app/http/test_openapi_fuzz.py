"""schemathesis against our own OpenAPI document: no 5xx, no undocumented status, type or shape."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gitex.slots import ChoiceSlot
from gitex.templates import PromptTemplate, StoredTemplate
from tests.fakes.models import FakeTextModel
from tests.fakes.templates import MemoryTemplates
from tests.unit.serve_app.http.conftest import Door

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
GOOD_COPY = "Title: Red Star\nTagline: Shine on.\nDescription: A red star on blue.\nHashtags: #red #star"
# What the document's own examples speak of.
EMBLEM = StoredTemplate(
    id="tpl_1",
    name="emblem",
    prompt=PromptTemplate("a {colour} star", (ChoiceSlot("colour", ("red", "teal")),)),
    seed=7,
    creator="anonymous",
    created_at=datetime(2026, 11, 22, tzinfo=UTC),
)

_door = Door(
    Path(tempfile.gettempdir()),
    text=FakeTextModel(answers=(GOOD_COPY,)),
    templates=MemoryTemplates([EMBLEM]),
)
schema = schemathesis.openapi.from_asgi("/openapi.json", _door.app())


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_document_tells_the_truth(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)
