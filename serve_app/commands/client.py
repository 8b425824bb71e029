"""A client of the HTTP API, for the command line."""

import base64
import binascii
import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from configs.settings import Settings, is_loopback
from gitex.errors import DeadlineExceeded, EngineFailure, InvalidInput, Unavailable
from gitex.events import Queued, Step
from serve_app.commands.event_stream import ServerEvent, read_events
from serve_app.commands.refusals import error_of, refusal
from serve_app.http.schemas.copywriting import CopyResponse
from serve_app.http.schemas.minting import MintBody, VoucherBody
from serve_app.http.schemas.provenance import Provenance
from serve_app.http.schemas.publishing import PublicationBody
from serve_app.http.schemas.verification import VerificationBody

M = TypeVar("M", bound=BaseModel)

_CONNECT_SECONDS = 5.0
# The service watches the deadline; this only ends the wait for one that does not.
_GRACE_SECONDS = 10.0
_STREAMED = {"stream": True, "progress": True, "response_format": "b64_json"}
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Picture:
    """A finished picture as the service sent it."""

    content: bytes
    provenance: Provenance


class ServiceClient:
    """Calls one service. Every failure is one of `gitex.errors`: `InvalidInput` and `Unauthorized` are the caller's."""

    def __init__(self, url: str, api_key: str | None, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        headers = {} if api_key is None else {"authorization": f"Bearer {api_key}"}
        with self.mapped():
            self._options: dict[str, Any] = {
                "headers": headers,
                "timeout": httpx.Timeout(timeout_s, connect=_CONNECT_SECONDS),
                # A proxy does not know this machine's own loopback address.
                "trust_env": not is_loopback(httpx.URL(url).host),
            }
            self._http = httpx.Client(**self._options)

    @classmethod
    def of(cls, settings: Settings, url: str | None, api_key: str | None) -> Self:
        """The service at `url`, or else the one that `settings` describe; the same for the key."""
        if api_key is None and settings.api_key is not None:
            api_key = settings.api_key.get_secret_value()
        return cls(url or service_url(settings), api_key, settings.request_timeout_s + _GRACE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def image(self, body: Mapping[str, Any]) -> Generator[Queued | Step | Picture, None, None]:
        """Progress and, last, the picture. Closing the generator cancels the work at the service."""
        return self._pictures("/v1/images/generations", json={**body, **_STREAMED})

    def edit(
        self, body: Mapping[str, Any], files: Mapping[str, tuple[str, bytes]]
    ) -> Generator[Queued | Step | Picture, None, None]:
        """As `image`, from the pictures in `files`: name and bytes by field."""
        return self._pictures("/v1/images/edits", data={**body, **_STREAMED}, files=files)

    def _pictures(self, path: str, **content: Any) -> Generator[Queued | Step | Picture, None, None]:
        with self.mapped(), self._http.stream("POST", f"{self.url}{path}", **content) as response:
            if response.status_code != 200:
                response.read()
                raise refusal(response)
            for event in read_events(response.iter_bytes()):
                match _image_event(event):
                    case Picture() as picture:
                        yield picture
                        return
                    case Queued() | Step() as progress:
                        yield progress
        raise Unavailable("the service closed the connection before the picture was finished")

    def write_copy(self, body: Mapping[str, Any]) -> CopyResponse:
        """Copy for a picture."""
        return self.ask(CopyResponse, "POST", "/v1/copy", json=body)

    def verify(self, asset_id: str) -> VerificationBody:
        """Have the service make an asset's picture again and compare."""
        return self.ask(VerificationBody, "POST", f"/v1/assets/{quote(asset_id, safe='')}/verify")

    def publish(self, asset_id: str, user: str | None = None) -> PublicationBody:
        """Have the service publish an asset; says where it stands."""
        path = f"/v1/assets/{quote(asset_id, safe='')}/publish"
        return self.ask(PublicationBody, "POST", path, params=_asking(user))

    def pins(self, asset_id: str, user: str | None = None) -> PublicationBody:
        """Where an asset stands at each target."""
        path = f"/v1/assets/{quote(asset_id, safe='')}/pins"
        return self.ask(PublicationBody, "GET", path, params=_asking(user))

    def mint(
        self, asset_id: str, body: Mapping[str, Any], idempotency_key: str | None = None, user: str | None = None
    ) -> MintBody:
        """Have the service mint an asset; says where it stands."""
        path = f"/v1/assets/{quote(asset_id, safe='')}/mint"
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        return self.ask(MintBody, "POST", path, json=body, headers=headers, params=_asking(user))

    def mint_state(self, mint_id: str, user: str | None = None) -> MintBody:
        """Where a mint stands."""
        return self.ask(MintBody, "GET", f"/v1/mints/{quote(mint_id, safe='')}", params=_asking(user))

    def voucher(self, asset_id: str, body: Mapping[str, Any], user: str | None = None) -> VoucherBody:
        """Have the service sign a mint that the creator sends."""
        path = f"/v1/assets/{quote(asset_id, safe='')}/voucher"
        return self.ask(VoucherBody, "POST", path, json=body, params=_asking(user))

    def ask(self, kind: type[M], method: str, path: str, **content: Any) -> M:
        """The answer to one request, which must be a `kind`. `content` is httpx's: `params`, `json`, `headers`."""
        with self.mapped():
            return kind.model_validate_json(self._answer(method, path, content).content)

    def tell(self, method: str, path: str, **content: Any) -> None:
        """Make a request whose answer says nothing."""
        with self.mapped():
            self._answer(method, path, content)

    def fetch(self, path: str, **content: Any) -> bytes:
        """The bytes that are at `path`."""
        with self.mapped():
            return self._answer("GET", path, content).content

    def asynchronous(self) -> httpx.AsyncClient:
        """A client of the same service for many requests at once; use it inside `mapped`."""
        return httpx.AsyncClient(**self._options)

    def _answer(self, method: str, path: str, content: Mapping[str, Any]) -> httpx.Response:
        response = self._http.request(method, f"{self.url}{path}", **content)
        if not response.is_success:
            raise refusal(response)
        return response

    @contextmanager
    def mapped(self) -> Iterator[None]:
        """Every upstream exception becomes one of ours."""
        try:
            yield
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as problem:
            raise InvalidInput(f"{self.url!r} is not an address of a service: {problem}", param="url") from problem
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise Unavailable(
                f"no service answers at {self.url}: start it with `make run`, or name another with --url"
            ) from problem
        except httpx.TimeoutException as problem:
            raise DeadlineExceeded(f"the service at {self.url} stopped answering") from problem
        except httpx.HTTPError as problem:
            raise Unavailable(f"the connection to {self.url} broke: {problem}") from problem
        except (ValidationError, ValueError, KeyError, TypeError) as problem:
            raise Unavailable(f"{self.url} does not answer as a Gitex service does") from problem


def _asking(user: str | None) -> dict[str, str]:
    return {"user": user} if user else {}


def service_url(settings: Settings) -> str:
    """Where a client on this machine reaches the service that `settings` describe."""
    host = _ANYWHERE.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _image_event(event: ServerEvent) -> Queued | Step | Picture | None:
    """`None` for events that a newer service may send. Raises the error that an error event tells."""
    if event.name == "error":
        raise error_of(json.loads(event.data)["error"])
    if event.name == "gitex.progress":
        fields = json.loads(event.data)
        if fields["stage"] == "queued":
            return Queued(int(fields["ahead"]))
        return Step(int(fields["step"]), int(fields["total"])) if fields["stage"] == "denoising" else None
    if event.name in ("image_generation.completed", "image_edit.completed"):
        fields = json.loads(event.data)
        return Picture(_decoded(fields["b64_json"]), Provenance.model_validate(fields["gitex"]))
    return None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise EngineFailure("the picture arrived damaged") from problem
