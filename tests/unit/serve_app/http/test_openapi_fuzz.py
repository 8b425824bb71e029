"""schemathesis against our own OpenAPI document: no 5xx, no undocumented status, type or shape."""

import tempfile
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from configs.settings import Settings
from serve_app.http.app import create_app
from serve_app.http.services import Services
from serve_app.services.generation import Generation
from serve_app.services.models import ModelDirectory
from serve_app.services.readiness import Readiness
from serve_app.services.templates import Templates
from tests.fakes.content import MemoryContent
from tests.fakes.models import FakeImageModel, FakeTextModel
from tests.fakes.stores import MemoryAssets, MemoryCache, MemoryRecorder
from tests.fakes.templates import MemoryTemplates

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
GOOD_COPY = "Title: Red Star\nTagline: Shine on.\nDescription: A red star on blue.\nHashtags: #red #star"


async def _exposition() -> str:
    return "up 1\n"


def _app():
    assets, recorder = MemoryAssets(), MemoryRecorder()
    services = Services(
        models=ModelDirectory((FakeImageModel(),), (FakeTextModel(answers=(GOOD_COPY,)),)),
        generation=Generation(assets, MemoryCache(), recorder),
        assets=assets,
        content=MemoryContent(),
        readiness=Readiness({}),
        recorder=recorder,
        templates=Templates(MemoryTemplates(), recorder),
        exposition=_exposition,
    )
    return create_app(services, Settings(data_dir=Path(tempfile.gettempdir())))


schema = schemathesis.openapi.from_asgi("/openapi.json", _app())


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_document_tells_the_truth(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)
