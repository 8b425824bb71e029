from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from configs.settings import Settings
from serve_app.http.app import create_app
from serve_app.http.services import Services
from serve_app.services.generation import Generation
from serve_app.services.models import ModelDirectory
from serve_app.services.publishing import Publishing
from serve_app.services.readiness import Readiness
from serve_app.services.templates import Templates
from tests.fakes.content import MemoryContent
from tests.fakes.models import FakeImageModel, FakeTextModel, image_info
from tests.fakes.publications import MemoryPublications
from tests.fakes.stores import MemoryAssets, MemoryCache, MemoryRecorder
from tests.fakes.templates import MemoryTemplates


@dataclass
class Door:
    """The HTTP application over fakes, and a client of it."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    image: FakeImageModel = field(default_factory=FakeImageModel)
    gan: FakeImageModel = field(default_factory=lambda: FakeImageModel(image_info("forger", kind="gan")))
    text: FakeTextModel = field(default_factory=FakeTextModel)
    assets: MemoryAssets = field(default_factory=MemoryAssets)
    content: MemoryContent = field(default_factory=MemoryContent)
    cache: MemoryCache = field(default_factory=MemoryCache)
    recorder: MemoryRecorder = field(default_factory=MemoryRecorder)
    templates: MemoryTemplates = field(default_factory=MemoryTemplates)
    publications: MemoryPublications = field(default_factory=MemoryPublications)
    checks: dict[str, Any] = field(default_factory=dict)
    dispensable: dict[str, Any] = field(default_factory=dict)

    def app(self, **settings: Any) -> ASGIApp:
        services = Services(
            models=ModelDirectory((self.image, self.gan), (self.text,)),
            generation=Generation(self.assets, self.cache, self.recorder),
            assets=self.assets,
            content=self.content,
            readiness=Readiness(self.checks, timeout=0.05, dispensable=self.dispensable),
            recorder=self.recorder,
            templates=Templates(self.templates, self.recorder),
            publishing=Publishing(self.assets, self.publications, self.publications.wake, quorum=1),
            exposition=_exposition,
        )
        return create_app(services, Settings(data_dir=self.folder, **settings))

    def client(self, **settings: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app(**settings), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://gitex.test")


async def _exposition() -> str:
    return "# TYPE up gauge\nup 1\n"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with door.client() as client:
        yield client
