"""`gitex publish` and `gitex pins show`, as programs against a service."""

import os
import subprocess
import sys

from configs.catalog import REPOSITORY
from tests.fakes.service import FakeService

PUBLICATION = {
    "asset_id": "ast_1",
    "cid": "bafkpicture",
    "metadata_cid": "bafkdocument",
    "metadata_uri": "ipfs://bafkdocument",
    "quorum": 1,
    "updated_at": "2026-11-24T12:00:00Z",
    "pins": [{"target": "embedded", "cid": "bafkpicture", "state": "pinned"}],
}


def _gitex(service: FakeService, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serve_app.cli", *words, "ast_1", "--url", service.url]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60)


def test_publishing_tells_the_addresses_and_a_refusal_ends_with_1() -> None:
    service = FakeService()
    with service.running():
        service.answers(202, {**PUBLICATION, "state": "published"})
        done = _gitex(service, "publish")
        service.answers(202, {**PUBLICATION, "state": "failed", "reason": "kubo names other content"})
        failed = _gitex(service, "publish")
    assert (done.returncode, service.asked[0][0]) == (0, "/v1/assets/ast_1/publish")
    assert "ast_1 published" in done.stdout
    assert "ipfs://bafkdocument" in done.stdout
    assert failed.returncode == 1
    assert "kubo names other content" in failed.stderr


def test_pins_are_shown_a_line_each() -> None:
    service = FakeService()
    with service.running():
        service.answers(200, {**PUBLICATION, "state": "pinning", "reason": "kubo: down"})
        shown = _gitex(service, "pins", "show")
    assert (shown.returncode, service.asked[0][0]) == (0, "/v1/assets/ast_1/pins")
    assert "embedded\tpinned\tbafkpicture" in shown.stdout
    assert "kubo: down" in shown.stdout
