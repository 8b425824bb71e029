"""`gitex tokens show`, `gitex staking` and `gitex credits` against a service."""

import json
from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner, Result

from configs.chains import load_chain
from gitex.credits import LedgerEntry
from serve_app.cli_tokens import credits_of, staking, tokens
from serve_app.http.schemas.credits import CreditsBody
from serve_app.http.schemas.staking import StakingBody
from serve_app.http.schemas.tokens import TokenBody
from serve_app.services.token_checks import Check
from serve_app.services.tokens import TokenReport
from tests.fakes.content import MemoryContent
from tests.fakes.credits import BOOKED_AT
from tests.fakes.service import FakeService
from tests.fakes.staking import STATE, WALLET
from tests.fakes.tokens import OWNER, minted

ACCOUNT = "0x" + "ab" * 32
Gitex = Callable[..., Result]


@pytest.fixture
def gitex(service: FakeService) -> Gitex:
    app = typer.Typer()
    app.add_typer(tokens)
    app.command("staking")(staking)
    app.command("credits")(credits_of)
    return lambda *words: CliRunner().invoke(app, [*words, "--url", service.url])


def _token(verdict: str = "ok", reason: str = "") -> TokenBody:
    checks = (Check("metadata", "ok"), Check("asset", verdict, reason))  # type: ignore[arg-type]
    return TokenBody.of(TokenReport(minted(MemoryContent()), load_chain("sepolia"), checks))


def test_a_token_that_matches_is_shown_and_ends_with_0(service: FakeService, gitex: Gitex) -> None:
    body = _token()
    service.answers(200, body.model_dump(mode="json", exclude_none=True))
    shown = gitex("tokens", "show", body.token_id_hex)
    assert (shown.exit_code, service.asked[0][0]) == (0, f"/v1/tokens/{body.token_id_hex}")
    assert f"{body.token_id_hex} matches" in shown.stdout
    assert OWNER in shown.stdout
    assert 'a "réd" star' in shown.stdout
    assert "asset\tok" in shown.stdout
    assert "https://sepolia.etherscan.io/token/" in shown.stdout


def test_a_token_that_does_not_match_says_why_and_ends_with_1(service: FakeService, gitex: Gitex) -> None:
    service.answers(200, _token("mismatch", "the picture is another").model_dump(mode="json", exclude_none=True))
    shown = gitex("tokens", "show", "7")
    assert shown.exit_code == 1
    assert "does not match" in shown.stdout
    assert "asset\tmismatch\tthe picture is another" in shown.stdout


def test_a_token_that_is_not_there_ends_with_2(service: FakeService, gitex: Gitex) -> None:
    service.refuses(404, "invalid_request_error", "there is no token 7", "token_id")
    shown = gitex("tokens", "show", "7")
    assert (shown.exit_code, "there is no token 7" in shown.stderr) == (2, True)


def test_a_wallets_stake_is_shown(service: FakeService, gitex: Gitex) -> None:
    service.answers(200, StakingBody.of(STATE, 31337).model_dump(mode="json", exclude_none=True))
    shown = gitex("staking", WALLET)
    assert (shown.exit_code, service.asked[0][0]) == (0, f"/v1/staking/{WALLET}")
    assert f"{WALLET}: tier silver (2 of 3)" in shown.stdout
    assert "staked    12000.000000000000000005 GTX" in shown.stdout
    assert "cooling   500 GTX, free from 2026-11-25 00:00:00 UTC on" in shown.stdout
    assert "discount  10 %" in shown.stdout
    assert "features  priority, large-pictures" in shown.stdout


def test_credits_are_shown_a_line_each(service: FakeService, gitex: Gitex) -> None:
    entry = LedgerEntry("deposit:31337:0xvault:1", ACCOUNT, 2**70, BOOKED_AT, "0x" + "7" * 64)
    service.answers(200, CreditsBody.of(ACCOUNT, 2**70, [entry]).model_dump(mode="json", exclude_none=True))
    shown = gitex("credits", ACCOUNT)
    assert (shown.exit_code, service.asked[0][0]) == (0, f"/v1/credits/{ACCOUNT}")
    assert f"{ACCOUNT}: {2**70} credits" in shown.stdout
    assert f"2026-11-24 12:00:00\t{2**70}\tdeposit:31337:0xvault:1\t0x7777" in shown.stdout


@pytest.mark.parametrize("words", [("tokens", "show", "7"), ("staking", WALLET), ("credits", ACCOUNT)])
def test_json_is_the_services_answer(service: FakeService, gitex: Gitex, words: tuple[str, ...]) -> None:
    bodies = {
        "tokens": _token(),
        "staking": StakingBody.of(STATE, 31337),
        "credits": CreditsBody.of(ACCOUNT, 0, []),
    }
    answer = bodies[words[0]].model_dump(mode="json", exclude_none=True)
    service.answers(200, answer)
    shown = gitex(*words, "--json")
    assert (shown.exit_code, json.loads(shown.stdout)) == (0, answer)
