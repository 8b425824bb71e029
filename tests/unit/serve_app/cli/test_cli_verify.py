"""`gitex verify` against a service on a real socket."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from tests.fakes.service import FakeService

Command = Callable[..., Result]
EXECUTION = {"strict": True, "device": "cpu: fake", "dtype": "float32", "versions": ["torch 2.13.0"]}


def verdict(**changes: Any) -> dict[str, Any]:
    return {
        "object": "asset.verification",
        "asset_id": "ast_1",
        "method": "sha256",
        "passed": True,
        "identical": True,
        "sha256_expected": "a" * 64,
        "sha256_actual": "a" * 64,
        "psnr_db": None,
        "execution_then": EXECUTION,
        "execution_now": EXECUTION,
        "differences": [],
        **changes,
    }


def test_a_passed_verification_is_told(command: Command, service: FakeService) -> None:
    service.answers(200, verdict())
    result = command("verify", "ast_1", "--url", service.url, GITEX_API_KEY="sk-env")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[:3] == ["ast_1 passed", "method   sha256", "pixels   identical"]
    path, headers, body = service.asked[0]
    assert (path, headers["authorization"], body) == ("/v1/assets/ast_1/verify", "Bearer sk-env", None)


def test_a_failed_one_says_how_far_off_and_what_is_different(command: Command, service: FakeService) -> None:
    differences = [
        {"field": "device", "then": "cpu: fake", "now": "cuda: other"},
        {"field": "versions", "then": "", "now": "torch 2.14.0"},
    ]
    service.answers(200, verdict(method="psnr", passed=False, identical=False, psnr_db=31.26, differences=differences))
    result = command("verify", "ast_1", "--url", service.url)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == "ast_1 failed"
    for line in (
        "pixels   31.3 dB from the stored ones",
        "device   was cpu: fake, is cuda: other",
        "versions was without, is torch 2.14.0",
    ):
        assert line in result.stdout.splitlines()


@pytest.mark.parametrize("passed", [True, False])
def test_json_is_the_services_answer(command: Command, service: FakeService, passed: bool) -> None:
    service.answers(200, verdict(passed=passed))
    result = command("verify", "ast_1", "--json", "--url", service.url)
    assert json.loads(result.stdout) == verdict(passed=passed)
    assert result.exit_code == (0 if passed else 1)


def test_an_asset_that_is_not_there_is_the_callers_mistake(command: Command, service: FakeService) -> None:
    service.refuses(404, "invalid_request_error", "there is no asset 'a/b'")
    result = command("verify", "a/b", "--url", service.url)
    assert (result.exit_code, result.stderr) == (2, "error: there is no asset 'a/b'\n")
    assert service.asked[0][0] == "/v1/assets/a%2Fb/verify"
