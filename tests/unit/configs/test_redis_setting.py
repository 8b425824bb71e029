"""The address of Redis is checked and never shown."""

import traceback
from pathlib import Path

import pytest

from configs.settings import describe_settings, load_settings
from gitex.errors import SettingsError

NO_FILE = Path("no/such/.env")


@pytest.mark.parametrize("url", ["redis://127.0.0.1", "redis://:hunter2@cache:6379/1", "rediss://u:hunter2@cache/"])
def test_an_address_is_taken_and_its_password_is_not_shown(url: str) -> None:
    environ = {"GITEX_REDIS_URL": url}
    settings = load_settings(environ, NO_FILE)
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url
    assert "hunter2" not in repr(settings) + repr(describe_settings(environ, NO_FILE))


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("http://cache", "not a redis"),
        ("redis://", "not a redis"),
        ("", "not a redis"),
        ("redis://:hunter2@cache:99999", "not a redis"),
        ("redis://cache:hunter2", "not a redis"),
        ("redis://[hunter2", "not a redis"),
        ("redis://cache/hunter2", "number of a database"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str, wrong: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"GITEX_REDIS_URL": url}, NO_FILE)
    assert caught.value.param == "GITEX_REDIS_URL"
    assert wrong in caught.value.message
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
