"""What routes ask for, as `Annotated` aliases: a signature says what it needs."""

import time
from typing import Annotated

from fastapi import Depends, Query, Request

from configs.settings import Settings
from gitex.ports import RunContext
from serve_app.http.services import Services


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _context(request: Request, settings: Annotated[Settings, Depends(_settings)]) -> RunContext:
    return RunContext(
        request_id=request.state.request_id,
        deadline=time.time() + settings.request_timeout_s,
    )


def _viewer(
    user: Annotated[str | None, Query(max_length=200, description="who asks, as `user` in calls for pictures")] = None,
) -> str:
    return user or "anonymous"


ServicesDep = Annotated[Services, Depends(_services)]
SettingsDep = Annotated[Settings, Depends(_settings)]
ContextDep = Annotated[RunContext, Depends(_context)]
ViewerDep = Annotated[str, Depends(_viewer)]
"""The tenant who asks to see or change assets."""
