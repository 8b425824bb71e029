"""The routes that read the chain, over fakes."""

from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI

from configs.chains import load_chain
from serve_app.http import errors
from serve_app.http.routes import credits as credit_accounts
from serve_app.http.routes import staking, tokens
from serve_app.services.kept_content import PinnedContent
from serve_app.services.staking import Staking
from serve_app.services.tokens import Tokens
from tests.fakes.content import MemoryContent
from tests.fakes.credits import MemoryLedger
from tests.fakes.staking import MemoryStaking
from tests.fakes.tokens import MemoryTokens


@dataclass(frozen=True)
class _Reads:
    """What those routes want of `serve_app.http.services.Services`."""

    tokens: Tokens
    staking: Staking
    credits: MemoryLedger


@dataclass
class ReadingDoor:
    """The three routes, and what they read."""

    content: MemoryContent = field(default_factory=MemoryContent)
    registry: MemoryTokens = field(default_factory=MemoryTokens)
    stakes: MemoryStaking = field(default_factory=MemoryStaking)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def app(self) -> FastAPI:
        api = FastAPI()
        chain = load_chain("sepolia")
        api.state.services = _Reads(
            Tokens(lambda: self.registry, PinnedContent(self.content), chain),
            Staking(lambda: self.stakes, chain),
            self.ledger,
        )
        for module in (tokens, staking, credit_accounts):
            api.include_router(module.router)
        errors.install(api)
        return api

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app(), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://gitex.test")
