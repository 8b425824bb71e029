"""The composition root: binds the Ray Serve application out of typed arguments and settings.

Used by `serve run configs/serve/local.yaml`, `serve deploy`, and `gitex up`.
"""

import os
from typing import NamedTuple

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from configs.catalog import Catalog, ModelEntry, load_catalog
from configs.serving import AppArgs, ServedModel
from configs.settings import Settings, load_settings
from deployments.clients import DeployedImageModel, DeployedTextModel, ask
from deployments.downstream import CACHE_WRITING, PINNING
from deployments.engines import DEPLOYMENTS
from deployments.exposition import cluster_exposition
from deployments.prompt_cache import prompt_cache
from deployments.recorder import RayRecorder
from gitex.errors import Unavailable
from gitex.variants import ModelInfo
from serve_app.http.app import create_app
from serve_app.http.services import Services
from serve_app.services.cluster_flight import ClusterFlights
from serve_app.services.generation import Generation
from serve_app.services.models import ModelDirectory
from serve_app.services.publishing import Publishing
from serve_app.services.readiness import Check, Readiness
from serve_app.services.templates import Templates
from storage.ipfs.public import SqlPublicContent
from storage.state import open_state
from storage.templates import SqlTemplateStore


def build(args: AppArgs) -> Application:
    """Bind one deployment a model and the ingress in front of them. Raises `SettingsError`, `ModelNotFound`."""
    settings = load_settings(os.environ)
    catalog = load_catalog(settings.catalog)
    models = [_bind_model(served, catalog) for served in args.models]
    downstream = Downstream(PINNING.bind(settings), CACHE_WRITING.bind(settings))
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
        self.generation = Generation(
            self.state.assets,
            self.shared.cache,
            recorder,
            ClusterFlights(self.shared.flights, recorder),
            publishes=settings.auto_publish,
        )
        self.templates = Templates(SqlTemplateStore(self.state.database), recorder)
        checks: dict[str, Check] = {f"model {info.variant.id}": _asks(handle) for handle, info in infos.items()}
        self.services = Services(
            models=_directory(infos),
            generation=self.generation,
            assets=self.state.assets,
            content=SqlPublicContent(self.state.database, self.state.blobs),
            publishing=Publishing(
                self.state.assets, self.state.publications, downstream.pinning.wake.remote, settings.pin_quorum
            ),
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
        await self.state.close()


def _directory(infos: dict[DeploymentHandle, ModelInfo]) -> ModelDirectory:
    return ModelDirectory(
        image_models=tuple(DeployedImageModel(h, info) for h, info in infos.items() if info.image is not None),
        text_models=tuple(DeployedTextModel(h, info) for h, info in infos.items() if info.text is not None),
    )


def _downstream_checks(downstream: Downstream) -> dict[str, Check]:
    """Answers do not need what comes after them."""

    async def pinning() -> None:
        if problem := await ask(downstream.pinning.degraded.remote()):
            raise Unavailable(problem)

    async def cache_writing() -> None:
        await ask(downstream.cache_writing.wake.remote())

    return {"pinning": pinning, "cache writing": cache_writing}


def _asks(handle: DeploymentHandle) -> Check:
    async def check() -> None:
        await ask(handle.describe.remote())

    return check
