"""The composition root: binds the Ray Serve application out of typed arguments and settings.

Used by `serve run configs/serve/local.yaml`, `serve deploy`, and `gitex up`.
"""

import os
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from chain.site import ChainSite
from configs.catalog import Catalog, ModelEntry, load_catalog
from configs.chains import load_chain
from configs.serving import AppArgs, ServedModel
from configs.settings import Settings, load_settings
from deployments.clients import DeployedImageModel, DeployedTextModel, ask
from deployments.clocks import MonotonicClock
from deployments.downstream import CACHE_WRITING, PINNING
from deployments.engines import DEPLOYMENTS
from deployments.exposition import cluster_exposition
from deployments.minting import MINTING
from deployments.prompt_cache import prompt_cache
from deployments.recorder import RayRecorder
from gitex.errors import Unavailable
from gitex.minting import MintJob
from gitex.ports import PublicContent
from gitex.variants import ModelInfo
from gitex.vouchers import Voucher
from serve_app.http.app import create_app
from serve_app.http.services import Services
from serve_app.services.cluster_flight import ClusterFlights
from serve_app.services.generation import Generation
from serve_app.services.kept_content import PinnedContent
from serve_app.services.mint_orders import MintingSite
from serve_app.services.minting import Minting
from serve_app.services.models import ModelDirectory
from serve_app.services.publishing import Publishing
from serve_app.services.readiness import Check, Readiness
from serve_app.services.staking import Staking
from serve_app.services.templates import Templates
from serve_app.services.tokens import Tokens
from serve_app.services.vouchers import Vouchers
from storage.ipfs.public import SqlPublicContent
from storage.state import State, open_state
from storage.templates import SqlTemplateStore


def build(args: AppArgs) -> Application:
    """Bind one deployment a model and the ingress in front of them. Raises `SettingsError`, `ModelNotFound`."""
    settings = load_settings(os.environ)
    catalog = load_catalog(settings.catalog)
    models = [_bind_model(served, catalog) for served in args.models]
    load_chain(settings.chain)
    downstream = Downstream(PINNING.bind(settings), CACHE_WRITING.bind(settings), MINTING.bind(settings))
    ingress = serve.deployment(serve.ingress()(Ingress), name="ingress", health_check_period_s=5)
    bound: Application = ingress.options(**args.ingress.serve_options()).bind(settings, models, downstream)
    return bound


def _bind_model(served: ServedModel, catalog: Catalog) -> Application:
    entry: ModelEntry = catalog.entry(served.model)
    deployment = DEPLOYMENTS[entry.kind].options(name=entry.id, **served.options.serve_options())
    bound: Application = deployment.bind(entry)
    return bound


class Downstream(NamedTuple):
    """The actors that go on after an answer."""

    pinning: DeploymentHandle
    cache_writing: DeploymentHandle
    minting: DeploymentHandle


class Ingress:
    """The HTTP door. Ready when every model has said what it is."""

    # Ray Serve awaits it; mypy does not know of such constructors.
    async def __init__(  # type: ignore[misc]
        self, settings: Settings, models: list[DeploymentHandle], downstream: Downstream
    ) -> None:
        self.settings = settings
        infos = {handle: await ask(handle.describe.remote()) for handle in models}
        recorder = RayRecorder()
        self.shared = prompt_cache(settings, recorder)
        self.state = await open_state(settings, recorder)
        self.site = ChainSite(settings)
        self.generation = Generation(
            self.state.assets,
            self.shared.cache,
            recorder,
            ClusterFlights(self.shared.flights, recorder),
            publishes=settings.auto_publish,
        )
        self.templates = Templates(SqlTemplateStore(self.state.database), recorder)
        content = SqlPublicContent(self.state.database, self.state.blobs)
        checks: dict[str, Check] = {f"model {info.variant.id}": _asks(handle) for handle, info in infos.items()}
        self.services = Services(
            models=_directory(infos),
            generation=self.generation,
            assets=self.state.assets,
            content=content,
            publishing=Publishing(
                self.state.assets, self.state.publications, downstream.pinning.wake.remote, settings.pin_quorum
            ),
            minting=_minting(self.state, self.site, downstream),
            vouchers=_vouchers(self.state, self.site, downstream),
            tokens=_tokens(self.state, content, self.site),
            staking=_staking(self.site),
            credits=self.state.credits,
            readiness=Readiness(
                {**checks, "asset store": self.state.assets.check},
                dispensable={**self.shared.checks, **_downstream_checks(downstream)},
            ),
            recorder=recorder,
            templates=self.templates,
            exposition=cluster_exposition,
        )

    def __serve_build_asgi_app__(self) -> ASGIApp:
        # Ray's proxy writes the request id into the answer.
        return create_app(self.services, self.settings, answers_id=False)

    async def __del__(self) -> None:
        await self.generation.close()
        await self.templates.close()
        await self.shared.close()
        await self.site.close()
        await self.state.close()


def _directory(infos: dict[DeploymentHandle, ModelInfo]) -> ModelDirectory:
    return ModelDirectory(
        image_models=tuple(DeployedImageModel(h, info) for h, info in infos.items() if info.image is not None),
        text_models=tuple(DeployedTextModel(h, info) for h, info in infos.items() if info.text is not None),
    )


def _minting(state: State, site: ChainSite, downstream: Downstream) -> Minting:
    def wake() -> None:
        downstream.pinning.wake.remote()
        downstream.minting.wake.remote()

    return Minting(state.assets, state.publications, state.mints, _minted_on(site), site.height, wake)


def _vouchers(state: State, site: ChainSite, downstream: Downstream) -> Vouchers:
    async def is_minted(digest: bytes) -> bool:
        return await site.tokens().is_minted(digest)

    async def sign(job: MintJob, price: int, deadline: datetime) -> Voucher:
        return await ask(downstream.minting.sign_voucher.remote(job, price, deadline))

    wake = downstream.pinning.wake.remote
    return Vouchers(state.assets, state.publications, state.mints, _minted_on(site), is_minted, sign, wake)


def _tokens(state: State, content: PublicContent, site: ChainSite) -> Tokens:
    # The embedded node has nothing that the read gateway does not show.
    return Tokens(site.tokens, PinnedContent(content, state.targets[1:]), site.chain)


def _staking(site: ChainSite) -> Staking:
    clock = MonotonicClock()
    return Staking(lambda: site.staking(clock), site.chain)


def _minted_on(site: ChainSite) -> Callable[[], MintingSite]:
    def place() -> MintingSite:
        site.node()
        return MintingSite(site.chain, site.contracts().nft)

    return place


def _downstream_checks(downstream: Downstream) -> dict[str, Check]:
    """Answers do not need what comes after them."""

    async def pinning() -> None:
        if problem := await ask(downstream.pinning.degraded.remote()):
            raise Unavailable(problem)

    async def cache_writing() -> None:
        await ask(downstream.cache_writing.wake.remote())

    async def minting() -> None:
        if problem := await ask(downstream.minting.degraded.remote()):
            raise Unavailable(problem)

    return {"pinning": pinning, "cache writing": cache_writing, "minting": minting}


def _asks(handle: DeploymentHandle) -> Check:
    async def check() -> None:
        await ask(handle.describe.remote())

    return check
