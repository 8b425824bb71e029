"""The composition root: binds the Ray Serve application out of typed arguments and settings.

Used by `serve run configs/serve/local.yaml`, `serve deploy`, and `gitex up`.
"""

import os

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from configs.catalog import Catalog, ModelEntry, load_catalog
from configs.serving import AppArgs, ServedModel
from configs.settings import Settings, load_settings
from deployments.cache import ActorPromptCache
from deployments.clients import DeployedImageModel, DeployedTextModel, ask
from deployments.engines import DEPLOYMENTS
from deployments.exposition import cluster_exposition
from deployments.recorder import RayRecorder
from gitex.variants import ModelInfo
from serve_app.http.app import create_app
from serve_app.http.services import Services
from serve_app.services.generation import Generation
from serve_app.services.models import ModelDirectory
from serve_app.services.readiness import Check, Readiness
from storage.assets import SqlAssetStore
from storage.blobs import LocalBlobStore


def build(args: AppArgs) -> Application:
    """Bind one deployment a model and the ingress in front of them. Raises `SettingsError`, `ModelNotFound`."""
    settings = load_settings(os.environ)
    catalog = load_catalog(settings.catalog)
    models = [_bind_model(served, catalog) for served in args.models]
    ingress = serve.deployment(serve.ingress()(Ingress), name="ingress", health_check_period_s=5)
    bound: Application = ingress.options(**args.ingress.serve_options()).bind(settings, models)
    return bound


def _bind_model(served: ServedModel, catalog: Catalog) -> Application:
    entry: ModelEntry = catalog.entry(served.model)
    deployment = DEPLOYMENTS[entry.kind].options(name=entry.id, **served.options.serve_options())
    bound: Application = deployment.bind(entry)
    return bound


class Ingress:
    """The HTTP door. Ready when every model has said what it is."""

    # Ray Serve awaits it; mypy does not know of such constructors.
    async def __init__(self, settings: Settings, models: list[DeploymentHandle]) -> None:  # type: ignore[misc]
        self.settings = settings
        infos = {handle: await ask(handle.describe.remote()) for handle in models}
        recorder = RayRecorder()
        cache = ActorPromptCache(settings.cache_bytes, settings.cache_ttl_s)
        self.store = await SqlAssetStore.open(settings.database_url, LocalBlobStore(settings.data_dir / "blobs"))
        self.generation = Generation(self.store, cache, recorder)
        checks: dict[str, Check] = {f"model {info.variant.id}": _asks(handle) for handle, info in infos.items()}
        self.services = Services(
            models=_directory(infos),
            generation=self.generation,
            assets=self.store,
            readiness=Readiness({**checks, "asset store": self.store.check, "prompt cache": cache.check}),
            recorder=recorder,
            exposition=cluster_exposition,
        )

    def __serve_build_asgi_app__(self) -> ASGIApp:
        # Ray's proxy writes the request id into the answer.
        return create_app(self.services, self.settings, answers_id=False)

    async def __del__(self) -> None:
        await self.generation.close()
        await self.store.close()


def _directory(infos: dict[DeploymentHandle, ModelInfo]) -> ModelDirectory:
    return ModelDirectory(
        image_models=tuple(DeployedImageModel(h, info) for h, info in infos.items() if info.image is not None),
        text_models=tuple(DeployedTextModel(h, info) for h, info in infos.items() if info.text is not None),
    )


def _asks(handle: DeploymentHandle) -> Check:
    async def check() -> None:
        await ask(handle.describe.remote())

    return check
