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
from serve_app.services.readiness import Readiness
from tests.fakes.models import FakeImageModel, FakeTextModel, image_info
from tests.fakes.stores import MemoryAssets, MemoryCache, MemoryRecorder


@dataclass
class Door:
    """The HTTP application over fakes, and a client of it."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    image: FakeImageModel = field(default_factory=FakeImageModel)
    gan: FakeImageModel = field(default_factory=lambda: FakeImageModel(image_info("forger", kind="gan")))
    text: FakeTextModel = field(default_factory=FakeTextModel)
    assets: MemoryAssets = field(default_factory=MemoryAssets)
    recorder: MemoryRecorder = field(default_factory=MemoryRecorder)
    checks: dict[str, Any] = field(default_factory=dict)

    def app(self, **settings: Any) -> ASGIApp:
        services = Services(
            models=ModelDirectory((self.image, self.gan), (self.text,)),
            generation=Generation(self.assets, MemoryCache(), self.recorder),
            assets=self.assets,
            readiness=Readiness(self.checks, timeout=0.05),
            recorder=self.recorder,
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
