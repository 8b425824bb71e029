"""The settings of a Gitex process: from `GITEX_*` environment variables, else from `.env`, else the defaults."""

import difflib
import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from configs.catalog import DEFAULT_CATALOG, REPOSITORY
from gitex.errors import SettingsError

PREFIX = "GITEX_"
_SQLITE = "sqlite+aiosqlite:///"


def _absolute(path: Path) -> Path:
    # pathlib reads an empty text as ".", which nobody means.
    if path == Path() or not str(path).isprintable():
        raise ValueError("not a usable path: it is empty or has an unprintable character")
    return path.expanduser().absolute()


def _sqlite_url(path: Path) -> str:
    return _SQLITE + quote(str(path), safe="/ ")


def _sqlite_file(url: str) -> str:
    scheme = url.partition(":")[0]
    if scheme != "sqlite+aiosqlite":
        raise ValueError(f"scheme {scheme!r} is not supported yet: use {_SQLITE}/absolute/path.db, or unset it")
    file = url.removeprefix(_SQLITE)
    if file in (url, ":memory:") or "?" in file:
        raise ValueError(f"name a file, as in {_SQLITE}/absolute/path.db: several processes open it")
    return _sqlite_url(_absolute(Path(unquote(file))))


def _http_origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not an http:// or https:// address")
    return url.rstrip("/")


def _header_safe(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be one or more printable ASCII characters without spaces (unset it for no key)")
    return key


def _lower(level: object) -> object:
    return level.lower() if isinstance(level, str) else level


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Host = Annotated[str, Field(min_length=1, pattern=r"^\S+$")]
Port = Annotated[int, Field(ge=1, le=65535)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """Everything an operator can set. Made by `load_settings`; tests may make one directly."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Host = Field("127.0.0.1", description="address that the HTTP service listens on")
    port: Port = Field(8000, description="port of the HTTP service")
    dashboard_host: Host = Field("127.0.0.1", description="address that the Ray dashboard listens on")
    dashboard_port: Port = Field(8265, description="port of the Ray dashboard")
    public_url: Annotated[str, AfterValidator(_http_origin)] | None = Field(
        None, description="address under which clients reach the service; unset: taken from each request"
    )
    api_key: Annotated[SecretStr, AfterValidator(_header_safe)] | None = Field(
        None, description="key that clients must send; unset: everybody who reaches the port may use it"
    )
    data_dir: AbsolutePath = Field(REPOSITORY / "data", description="folder of everything that is kept")
    database_url: Annotated[str, AfterValidator(_sqlite_file)] = Field(
        default_factory=lambda fields: _sqlite_url(fields["data_dir"] / "gitex.db"),
        description="SQL database; unset: SQLite in the data folder",
    )
    catalog: AbsolutePath = Field(DEFAULT_CATALOG, description="YAML file that lists the models")
    cache_bytes: PositiveInt = Field(256 * 2**20, description="bound of the prompt cache, in bytes")
    cache_ttl_s: PositiveSeconds = Field(86_400.0, description="how long the prompt cache keeps a picture, in seconds")
    request_timeout_s: PositiveSeconds = Field(120.0, description="deadline of a request, in seconds")
    max_body_bytes: PositiveInt = Field(2**20, description="largest JSON body that is accepted, in bytes")
    max_upload_bytes: PositiveInt = Field(
        16 * 2**20, description="largest form with pictures, and largest body that states no length, in bytes"
    )
    max_prompt_chars: PositiveInt = Field(4000, description="longest prompt that is accepted, in characters")
    max_images_per_request: PositiveInt = Field(8, description="most pictures that one request may ask for")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        "info", description="least severity that is logged: debug, info, warning or error"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: `load_settings` reads the environment, so that it can say where a value is from."""
        return (init_settings,)

    def warnings(self) -> tuple[str, ...]:
        """Settings that work, but that an operator should know about."""
        if self.api_key is None and not is_loopback(self.host):
            return (f"{PREFIX}HOST is {self.host} and {PREFIX}API_KEY is not set: everybody may use the service",)
        return ()


class SettingLine(NamedTuple):
    """One setting as shown to an operator; a secret's value is masked."""

    name: str
    value: str
    source: Literal["default", "environment", ".env"]
    description: str


class _Given(NamedTuple):
    value: str
    source: Literal["environment", ".env"]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings(environ: Mapping[str, str] = os.environ, dotenv: Path = Path(".env")) -> Settings:
    """The settings in force; `dotenv` need not exist, and the environment wins over it.

    Raises `SettingsError` that names each variable that is unknown or unusable.
    """
    return _validated(_gather(environ, dotenv))


def describe_settings(environ: Mapping[str, str] = os.environ, dotenv: Path = Path(".env")) -> tuple[SettingLine, ...]:
    """Every setting with its value and where that is from. Raises like `load_settings`."""
    given = _gather(environ, dotenv)
    values = dict(_validated(given))
    return tuple(
        SettingLine(
            name=_variable(field),
            value="" if values[field] is None else str(values[field]),
            source=given[field].source if field in given else "default",
            description=info.description or "",
        )
        for field, info in Settings.model_fields.items()
    )


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _gather(environ: Mapping[str, str], dotenv: Path) -> dict[str, _Given]:
    """What was set, by field name."""
    try:
        # A `$` in a secret is a `$`: no interpolation.
        lines = dotenv_values(dotenv, interpolate=False)
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{dotenv} cannot be read: {problem}") from problem
    given = {name: _Given(value or "", ".env") for name, value in lines.items()}
    given |= {name: _Given(value, "environment") for name, value in environ.items()}
    ours = {name: found for name, found in given.items() if name.upper().startswith(PREFIX)}
    known = {_variable(field): field for field in Settings.model_fields}
    _refuse_unknown(ours, known)
    return {known[name]: found for name, found in ours.items()}


def _refuse_unknown(ours: Mapping[str, _Given], known: Mapping[str, str]) -> None:
    unknown = sorted(set(ours) - set(known))
    if not unknown:
        return
    problems = []
    for name in unknown:
        close = difflib.get_close_matches(name[len(PREFIX) :].lower(), known.values(), n=1)
        hint = f"; did you mean {_variable(close[0])}?" if close else " (`gitex settings` lists them)"
        problems.append(f"{name} ({ours[name].source}) is not a setting{hint}")
    raise SettingsError("\n".join(problems), param=unknown[0])


def _validated(given: Mapping[str, _Given]) -> Settings:
    values: dict[str, Any] = {field: found.value for field, found in given.items()}
    try:
        return Settings(**values)
    except ValidationError as invalid:
        # A default that depends on another setting is not to blame when that one is bad.
        errors = [error for error in invalid.errors() if error["type"] != "default_factory_not_called"]
        problems = []
        for error in errors:
            field = str(error["loc"][0])
            message = error["msg"].removeprefix("Value error, ")
            problems.append(f"{_variable(field)} ({given[field].source}) cannot be used: {message}")
        raise SettingsError("\n".join(problems), param=_variable(str(errors[0]["loc"][0]))) from invalid
