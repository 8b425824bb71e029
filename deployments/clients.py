"""The deployed engines as the ports that services know: handle calls, with Ray's errors mapped to ours."""

import logging
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from ray.exceptions import RayActorError, RayError, RayTaskError, TaskCancelledError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from gitex.errors import EngineFailure, GitexError, Overloaded, Unavailable
from gitex.events import Finished, ImageEvent, TextDelta, TextEvent
from gitex.ports import RunContext
from gitex.specs import CopySpec, ImageSpec
from gitex.variants import ModelInfo

log = logging.getLogger("gitex.deployments")
T = TypeVar("T")


def translated(error: Exception) -> GitexError:
    """Ours for one of Ray's: the replica's own error where there is one."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, GitexError):
        return cause
    if isinstance(cause, BackPressureError):
        return Overloaded("too many requests wait for this model", retry_after=1.0)
    if isinstance(cause, TaskCancelledError):
        return Unavailable("the run was cancelled")
    if isinstance(error, RayTaskError):
        log.error("a replica failed: %s", error)
        return EngineFailure("the engine broke on this request")
    return Unavailable(f"the model's replica is not there: {type(error).__name__}")


async def ask(response: Awaitable[T]) -> T:
    """Await a unary handle call."""
    try:
        return await response
    except (RayError, RayServeException) as error:
        raise translated(error) from error


async def _stream(handle: DeploymentHandle, spec: Any, context: RunContext) -> AsyncGenerator[Any, None]:
    """Events of a streaming handle call; closing this cancels the replica's generator."""
    response = handle.options(stream=True).generate.remote(spec, context)
    ended = False
    try:
        async for event in response:
            yield event
        ended = True
    except (RayError, RayServeException) as error:
        ended = True
        raise _DeadReplica(error) if isinstance(error, RayActorError) else translated(error) from error
    finally:
        if not ended:
            response.cancel()


class _DeadReplica(Unavailable):
    """The replica died under the request: another one may do it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"the model's replica died: {type(error).__name__}")


async def _events(
    handle: DeploymentHandle, spec: Any, context: RunContext, irrevocable: type
) -> AsyncGenerator[Any, None]:
    """Events of one run. The spec decides the output, so a dead replica's work is done again elsewhere, once.

    Not after an `irrevocable` event: what the caller has seen cannot be taken back.
    """
    told = False
    try:
        async with aclosing(_stream(handle, spec, context)) as events:
            async for event in events:
                told = told or isinstance(event, irrevocable)
                yield event
            return
    except _DeadReplica:
        if told:
            raise
        log.warning("request %s: its replica died, trying another", context.request_id)
    async with aclosing(_stream(handle, spec, context)) as events:
        async for event in events:
            yield event


@dataclass(frozen=True)
class DeployedImageModel:
    """A `gitex.ports.ImageModel` behind a Serve handle. `info` is what the replica said when this process started."""

    handle: DeploymentHandle
    info: ModelInfo

    def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        """See `gitex.ports.ImageModel`."""
        return _events(self.handle, spec, context, irrevocable=Finished)


@dataclass(frozen=True)
class DeployedTextModel:
    """A `gitex.ports.TextModel` behind a Serve handle. `info` is what the replica said when this process started."""

    handle: DeploymentHandle
    info: ModelInfo

    def generate(self, spec: CopySpec, context: RunContext) -> AsyncGenerator[TextEvent, None]:
        """See `gitex.ports.TextModel`."""
        return _events(self.handle, spec, context, irrevocable=TextDelta)
