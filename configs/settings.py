"""The settings of a Gitex process: from `GITEX_*` environment variables, else from `.env`, else the defaults."""

import difflib
import os
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from configs.catalog import DEFAULT_CATALOG, REPOSITORY
from configs.ipfs_address import parse_ipfs_api
from configs.store_addresses import absolute, parse_blob_url, parse_database_url, sqlite_url, without_password
from gitex.errors import SettingsError

PREFIX = "GITEX_"


def _http_origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not an http:// or https:// address")
    return url.rstrip("/")


def _split(text: object) -> object:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


def _redis_address(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        usable = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # urlsplit's own words may repeat a password.
        raise ValueError("not a redis:// or rediss:// address")
    if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ValueError("the path of a redis:// address is the number of a database")
    return url


def _header_safe(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be one or more printable ASCII characters without spaces (unset it for no key)")
    return key


def _rpc_address(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        # Its path or its query may hold a key: not repeated.
        raise ValueError("not an http:// or https:// address")
    return url


def _lower(level: object) -> object:
    return level.lower() if isinstance(level, str) else level


AbsolutePath = Annotated[Path, AfterValidator(absolute)]
Host = Annotated[str, Field(min_length=1, pattern=r"^\S+$")]
Port = Annotated[int, Field(ge=1, le=65535)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveDecimal = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
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
    database_url: Annotated[str, AfterValidator(parse_database_url)] = Field(
        default_factory=lambda fields: sqlite_url(fields["data_dir"] / "gitex.db"),
        repr=False,
        description="SQL database, SQLite or PostgreSQL; unset: SQLite in the data folder",
    )
    blob_url: Annotated[str, AfterValidator(parse_blob_url)] | None = Field(
        None, description="store of all bytes, as in s3://bucket/prefix; unset: the data folder"
    )
    redis_url: Annotated[SecretStr, AfterValidator(_redis_address)] | None = Field(
        None, description="Redis of the prompt cache and of the cluster-wide single flight; unset: Ray actors"
    )
    ipfs_api: Annotated[str, AfterValidator(parse_ipfs_api)] | None = Field(
        None, description="RPC of a Kubo node that pins what is published, beside the embedded node"
    )
    pinning_url: Annotated[str, AfterValidator(_http_origin)] | None = Field(
        None, description="Pinning Service API that pins what is published, beside the embedded node"
    )
    pinning_token: Annotated[SecretStr, AfterValidator(_header_safe)] | None = Field(
        None, description="access token of the pinning service"
    )
    pinning_gateway_url: Annotated[str, AfterValidator(_http_origin)] | None = Field(
        None, description="trustless gateway from which the pinning service's blocks are read back"
    )
    pinning_origins: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        (), description="multiaddrs of nodes that provide what is published, for the pinning service; by commas"
    )
    pin_quorum: PositiveInt = Field(1, description="how many pin targets must have an asset before it is published")
    pin_recheck_s: PositiveSeconds = Field(
        3600.0, description="how often the pins of a published asset are looked at again, in seconds"
    )
    auto_publish: bool = Field(True, description="whether every public asset is published, or only those asked for")
    chain: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = Field(
        "local", description="chain that is minted on: a file of configs/chains"
    )
    chain_rpc_url: Annotated[SecretStr, AfterValidator(_rpc_address)] | None = Field(
        None, description="RPC of a node of that chain; unset: `gitex up` runs an embedded one for `local`"
    )
    chain_port: Port = Field(8545, description="port of the embedded chain, on loopback")
    chain_addresses: AbsolutePath = Field(
        default_factory=lambda fields: fields["data_dir"] / "chain" / "addresses",
        description="folder of the contracts' addresses, a file for each chain id; unset: in the data folder",
    )
    chain_keystores: Annotated[tuple[AbsolutePath, ...], BeforeValidator(_split)] = Field(
        (), description="encrypted keystore files of the keys that mint; by commas. Unset on `local`: development keys"
    )
    chain_keystore_password: SecretStr | None = Field(None, description="password of the keystore files")
    chain_signer_url: Annotated[SecretStr, AfterValidator(_rpc_address)] | None = Field(
        None, description="JSON-RPC of an external signer that holds the keys, instead of keystore files"
    )
    mint_fee_cap: PositiveDecimal = Field(
        Decimal("0.01"), description="most that one mint's transaction may cost, in the chain's coin"
    )
    mint_daily_fee_cap: PositiveDecimal = Field(
        Decimal("1"), description="most that all mints of a key may cost in 24 hours, in the chain's coin"
    )
    mint_batch: Annotated[int, Field(ge=1, le=64)] = Field(
        16, description="most mints that share a transaction when many wait"
    )
    catalog: AbsolutePath = Field(DEFAULT_CATALOG, description="YAML file that lists the models")
    cache_bytes: PositiveInt = Field(256 * 2**20, description="bound of the prompt cache, in bytes")
    cache_inline_bytes: Annotated[int, Field(ge=0)] = Field(
        256 * 2**10, description="largest picture that Redis keeps itself, not only its asset's id, in bytes"
    )
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

    @model_validator(mode="after")
    def _check_targets(self) -> Self:
        if (self.pinning_url is None) != (self.pinning_token is None):
            raise ValueError("GITEX_PINNING_URL and GITEX_PINNING_TOKEN go together")
        targets = 1 + (self.ipfs_api is not None) + (self.pinning_url is not None)
        if self.pin_quorum > targets:
            raise ValueError(f"GITEX_PIN_QUORUM is {self.pin_quorum}, but there are only {targets} pin targets")
        return self

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        if self.chain_keystores and self.chain_signer_url is not None:
            raise ValueError("GITEX_CHAIN_KEYSTORES and GITEX_CHAIN_SIGNER_URL: the keys are in one place only")
        if self.chain_keystores and self.chain_keystore_password is None:
            raise ValueError("GITEX_CHAIN_KEYSTORE_PASSWORD is needed for GITEX_CHAIN_KEYSTORES")
        return self

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
            value=_shown(field, values[field]),
            source=given[field].source if field in given else "default",
            description=info.description or "",
        )
        for field, info in Settings.model_fields.items()
    )


def _shown(field: str, value: object) -> str:
    if value is None:
        return ""
    return without_password(str(value)) if field == "database_url" else str(value)


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
            message = error["msg"].removeprefix("Value error, ")
            if not error["loc"]:  # settings that do not go together: the message names them
                raise SettingsError(message, param=message.partition(" ")[0]) from invalid
            field = str(error["loc"][0])
            problems.append(f"{_variable(field)} ({given[field].source}) cannot be used: {message}")
        raise SettingsError("\n".join(problems), param=_variable(str(errors[0]["loc"][0]))) from invalid
