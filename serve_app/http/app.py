"""Builds the HTTP application out of services. Knows nothing of Ray."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from configs.settings import Settings
from serve_app.http import errors
from serve_app.http.middleware import ApiKey, BodyGate, RequestRecord
from serve_app.http.public_read import PublicRead
from serve_app.http.routes import (
    assets,
    chat,
    copywriting,
    images,
    ipfs,
    minting,
    models,
    operations,
    publishing,
    staking,
    templates,
    tokens,
)
from serve_app.http.routes import credits as credit_accounts
from serve_app.http.services import Services

DESCRIPTION = """Pictures and copy from the models of a Gitex cluster. Compatible with OpenAI's clients where OpenAI
has the call; what is ours stands in the `gitex` field of an answer."""


def create_api(services: Services, settings: Settings) -> FastAPI:
    """The routes, with errors in OpenAI's envelope."""
    # The page under /docs comes from here and not from somebody's network.
    api = FastAPIOffline(
        title="Gitex",
        version="0.1.0",
        description=DESCRIPTION,
        redoc_url=None,
        max_body_size=max(settings.max_upload_bytes, settings.max_body_bytes),
    )
    api.state.services = services
    api.state.settings = settings
    pictures = (images, chat, copywriting, models, assets, ipfs, operations, publishing, templates)
    for module in (*pictures, minting, tokens, staking, credit_accounts):
        api.include_router(module.router)
    errors.install(api)
    return api


def create_app(services: Services, settings: Settings, *, answers_id: bool = True) -> ASGIApp:
    """The routes inside their middleware. `answers_id`: see `RequestRecord`."""
    app: ASGIApp = create_api(services, settings)
    app = BodyGate(
        app,
        prefix="/v1/",
        forms=images.FORMS,
        limit=settings.max_body_bytes,
        form_limit=settings.max_upload_bytes,
    )
    if settings.api_key is not None:
        app = ApiKey(app, key=settings.api_key.get_secret_value(), prefixes=("/v1/",))
    app = PublicRead(app)
    return RequestRecord(app, recorder=services.recorder, answers_id=answers_id)
