from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from starlette.types import ASGIApp

from configs.settings import Settings
from serve_app.http.app import create_app
from serve_app.http.services import Services
from serve_app.services.generation import Generation
from serve_app.services.kept_content import PinnedContent
from serve_app.services.minting import Minting
from serve_app.services.models import ModelDirectory
from serve_app.services.publishing import Publishing
from serve_app.services.readiness import Readiness
from serve_app.services.staking import Staking
from serve_app.services.templates import Templates
from serve_app.services.tokens import Tokens
from serve_app.services.vouchers import Vouchers
from tests.fakes.content import MemoryContent
from tests.fakes.credits import MemoryLedger
from tests.fakes.mints import FakeMinting, FakeSite, MemoryMints
from tests.fakes.models import FakeImageModel, FakeTextModel, image_info
from tests.fakes.publications import MemoryPublications
from tests.fakes.staking import MemoryStaking
from tests.fakes.stores import MemoryAssets, MemoryCache, MemoryRecorder
from tests.fakes.templates import MemoryTemplates
from tests.fakes.tokens import MemoryTokens

T = TypeVar("T")


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
    mints: MemoryMints = field(default_factory=MemoryMints)
    site: FakeSite = field(default_factory=FakeSite)
    minting: FakeMinting = field(default_factory=FakeMinting)
    tokens: MemoryTokens = field(default_factory=MemoryTokens)
    staking: MemoryStaking = field(default_factory=MemoryStaking)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
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
            minting=Minting(self.assets, self.publications, self.mints, self.site, self.site.height, self.mints.wake),
            vouchers=Vouchers(
                self.assets,
                self.publications,
                self.mints,
                self.site,
                self.minting.is_minted,
                self.minting.sign,
                self.publications.wake,
                self.minting.now,
                self.minting.pause,
            ),
            tokens=Tokens(self._if_there(self.tokens), PinnedContent(self.content), self.site.settings),
            staking=Staking(self._if_there(self.staking), self.site.settings),
            credits=self.ledger,
            exposition=_exposition,
        )
        return create_app(services, Settings(data_dir=self.folder, **settings))

    def _if_there(self, registry: T) -> Callable[[], T]:
        def found() -> T:
            self.site()
            return registry

        return found

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
