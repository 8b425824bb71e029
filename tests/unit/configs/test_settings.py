"""Settings: where values come from, and that nothing wrong passes silently."""

import os
import pickle
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy.engine import make_url

from configs.catalog import DEFAULT_CATALOG, REPOSITORY
from configs.settings import PREFIX, Settings, describe_settings, load_settings
from gitex.errors import SettingsError

NO_FILE = Path("no/such/.env")


def _dotenv(folder: Path, *lines: str) -> Path:
    path = folder / ".env"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_without_any_setting_there_are_defaults() -> None:
    settings = load_settings({}, NO_FILE)
    assert (settings.host, settings.port, settings.dashboard_port) == ("127.0.0.1", 8000, 8265)
    assert settings.data_dir == REPOSITORY / "data"
    assert settings.database_url == f"sqlite+aiosqlite:///{REPOSITORY}/data/gitex.db"
    assert settings.catalog == DEFAULT_CATALOG
    assert settings.api_key is None
    assert settings.cache_bytes == 256 * 2**20


def test_the_environment_wins_over_the_file_and_both_over_the_default(tmp_path: Path) -> None:
    file = _dotenv(tmp_path, "GITEX_PORT=9001", "GITEX_HOST=10.0.0.1", "OTHER=1")
    environ = {"GITEX_PORT": "9002", "RAY_ADDRESS": "auto", "GITEXX": "1"}
    assert load_settings(environ, file).port == 9002
    shown = {line.name: (line.value, line.source) for line in describe_settings(environ, file)}
    assert shown["GITEX_PORT"] == ("9002", "environment")
    assert shown["GITEX_HOST"] == ("10.0.0.1", ".env")
    assert shown["GITEX_LOG_LEVEL"] == ("info", "default")


def test_the_file_is_looked_for_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _dotenv(tmp_path, "GITEX_PORT=9001")
    monkeypatch.chdir(tmp_path)
    assert load_settings({}).port == 9001


def test_a_settings_object_does_not_look_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITEX_PORT", "9001")
    assert Settings().port == 8000
    assert load_settings(os.environ, NO_FILE).port == 9001


def test_paths_become_absolute_and_the_database_follows_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"GITEX_DATA_DIR": "kept here"}, NO_FILE)
    assert settings.data_dir == tmp_path / "kept here"
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/kept here/gitex.db"
    other = load_settings({"GITEX_DATABASE_URL": "sqlite+aiosqlite:///other.db"}, NO_FILE)
    assert other.database_url == f"sqlite+aiosqlite:///{tmp_path}/other.db"


@pytest.mark.parametrize("folder", ["/kept here", "/100%", "/%20", "/what?", "/a#b", "/schön"])
def test_the_database_lies_in_the_data_folder_however_that_is_called(folder: str) -> None:
    by_default = load_settings({"GITEX_DATA_DIR": folder}, NO_FILE).database_url
    assert make_url(by_default).database == f"{folder}/gitex.db"
    assert load_settings({"GITEX_DATABASE_URL": by_default}, NO_FILE).database_url == by_default


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("postgresql+asyncpg://db/gitex", "postgresql+asyncpg://db/gitex"),
        ("postgresql://me:p%40ss@db:5433/gitex", "postgresql+asyncpg://me:p%40ss@db:5433/gitex"),
        ("postgres://me@db/gitex?sslmode=require", "postgresql+asyncpg://me@db/gitex?ssl=require"),
        ("postgresql://me@/gitex?host=/var/run", "postgresql+asyncpg://me@/gitex?host=/var/run"),
    ],
)
def test_a_postgresql_database_may_be_spelled_as_others_spell_it(given: str, read: str) -> None:
    assert load_settings({"GITEX_DATABASE_URL": given}, NO_FILE).database_url == read


def test_the_password_of_the_database_is_not_shown() -> None:
    environ = {"GITEX_DATABASE_URL": "postgresql://me:very-hidden@db/gitex"}
    shown = {line.name: line.value for line in describe_settings(environ, NO_FILE)}
    assert shown["GITEX_DATABASE_URL"] == "postgresql+asyncpg://me:***@db/gitex"
    assert "hidden" not in repr(load_settings(environ, NO_FILE))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("GITEX_PROT", "did you mean GITEX_PORT?"),
        ("gitex_port", "did you mean GITEX_PORT?"),
        ("GITEX_CACHE_BITES", "did you mean GITEX_CACHE_BYTES?"),
        ("GITEX_ZZZ", "gitex settings"),
    ],
)
def test_an_unknown_name_is_refused_wherever_it_stands(tmp_path: Path, name: str, hint: str) -> None:
    for environ, file in (({name: "1"}, NO_FILE), ({}, _dotenv(tmp_path, f"{name}=1"))):
        with pytest.raises(SettingsError) as caught:
            load_settings(environ, file)
        assert caught.value.param == name
        assert name in caught.value.message
        assert hint in caught.value.message


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("GITEX_PORT", "http", "valid integer"),
        ("GITEX_PORT", "70000", "65535"),
        ("GITEX_PORT", "", "valid integer"),
        ("GITEX_HOST", "", "at least 1"),
        ("GITEX_DATA_DIR", "", "not a usable path"),
        ("GITEX_DATA_DIR", "/a\0b", "not a usable path"),
        ("GITEX_DATABASE_URL", "mysql://db/gitex", "'mysql' is not supported"),
        ("GITEX_DATABASE_URL", "postgresql://db", "name a host and a database"),
        ("GITEX_DATABASE_URL", "postgresql:///gitex", "name a host and a database"),
        ("GITEX_DATABASE_URL", "postgresql://db/gitex?options=-x", "'options' is not known"),
        ("GITEX_DATABASE_URL", "postgresql://me:hidden@db:port/gitex", "port or host cannot be read"),
        ("GITEX_BLOB_URL", "bucket", "name a store and a place"),
        ("GITEX_BLOB_URL", "s3://", "name a store and a place"),
        ("GITEX_BLOB_URL", "s3://key:hidden@bucket", "holds a user name"),
        ("GITEX_DATABASE_URL", "sqlite+aiosqlite://", "name a file"),
        ("GITEX_DATABASE_URL", "sqlite+aiosqlite:///:memory:", "name a file"),
        ("GITEX_DATABASE_URL", "sqlite+aiosqlite:////x.db?mode=ro", "name a file"),
        ("GITEX_DATABASE_URL", "sqlite+aiosqlite:///", "not a usable path"),
        ("GITEX_API_KEY", "", "one or more printable"),
        ("GITEX_API_KEY", "two words", "without spaces"),
        ("GITEX_API_KEY", "schlüssel", "ASCII"),
        ("GITEX_PUBLIC_URL", "gitex.example", "not an http"),
        ("GITEX_CACHE_BYTES", "0", "greater than 0"),
        ("GITEX_CACHE_TTL_S", "inf", "finite"),
        ("GITEX_REQUEST_TIMEOUT_S", "-1", "greater than 0"),
        ("GITEX_LOG_LEVEL", "loud", "'debug', 'info'"),
    ],
)
def test_a_bad_value_is_refused_by_name_and_reason(name: str, value: str, wrong: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: value}, NO_FILE)
    assert caught.value.param == name
    assert f"{name} (environment) cannot be used: " in caught.value.message
    assert wrong in caught.value.message
    assert "hidden" not in "".join(traceback.format_exception(caught.value))
    assert "DATABASE_URL" not in caught.value.message or name == "GITEX_DATABASE_URL"


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"GITEX_PORT": "x", "GITEX_CACHE_BYTES": "y"}, NO_FILE)
    assert len(caught.value.message.splitlines()) == 2


def test_a_secret_is_never_shown() -> None:
    environ = {"GITEX_API_KEY": "sk-very-secret$HOME"}
    settings = load_settings(environ, NO_FILE)
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "sk-very-secret$HOME"
    assert "secret" not in repr(settings)
    assert "secret" not in repr(describe_settings(environ, NO_FILE))
    unusable = " ".join(("quite", "hidden"))
    with pytest.raises(SettingsError) as caught:
        load_settings({"GITEX_API_KEY": unusable}, NO_FILE)
    assert unusable not in "".join(traceback.format_exception(caught.value))


def test_a_dollar_in_the_file_is_a_dollar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    key = load_settings({}, _dotenv(tmp_path, "GITEX_API_KEY=a${HOME}b")).api_key
    assert key is not None
    assert key.get_secret_value() == "a${HOME}b"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"GITEX_HOST=\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings({}, tmp_path / ".env")


@pytest.mark.parametrize(
    ("host", "key", "count"),
    [("127.0.0.1", None, 0), ("::1", None, 0), ("localhost", None, 0), ("0.0.0.0", None, 1), ("0.0.0.0", "k", 0)],
)
def test_an_open_service_is_warned_about(host: str, key: str | None, count: int) -> None:
    environ = {"GITEX_HOST": host} | ({} if key is None else {"GITEX_API_KEY": key})
    assert len(load_settings(environ, NO_FILE).warnings()) == count


def test_settings_are_frozen_travel_between_processes_and_are_all_described() -> None:
    settings = load_settings({"GITEX_API_KEY": "key"}, NO_FILE)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(settings)) == settings
    lines = describe_settings({}, NO_FILE)
    assert [line.name for line in lines] == [PREFIX + field.upper() for field in Settings.model_fields]
    assert all(line.description for line in lines)
