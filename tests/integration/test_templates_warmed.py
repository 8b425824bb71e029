"""Prompt templates and `gitex cache warm` on the real service."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from configs.catalog import REPOSITORY

_SLOTS = [
    {"name": "colour", "type": "choice", "options": ["red", "teal"]},
    {"name": "shape", "type": "choice", "options": ["star", "ring"]},
]
_STEPS = {"steps": 8}


def _gitex(folder: Path, client: httpx.Client, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "serve_app.cli", *arguments, "--url", str(client.base_url)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has Ctrl-C ignored, and a child inherits that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def _sample(client: httpx.Client, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def _ask(client: httpx.Client, **more: Any) -> dict[str, Any]:
    body = {"values": {"colour": "red", "shape": "star"}, "response_format": "url", **more}
    answer = client.post("/v1/templates/warmed/images", json=body)
    assert answer.status_code == 200, answer.text
    provenance: dict[str, Any] = answer.json()["data"][0]["gitex"]
    return provenance


def test_after_warming_requests_hit_and_the_saved_time_is_counted(client: httpx.Client, tmp_path: Path) -> None:
    made = client.post("/v1/templates", json={"name": "warmed", "text": "a {colour} {shape}", "slots": _SLOTS})
    assert made.status_code == 201, made.text
    first = _ask(client, **_STEPS)
    assert first["cache"] == "miss"
    stdout, stderr = _gitex(tmp_path, client, "cache", "warm", "-t", "warmed", "--limit", "3").communicate(timeout=100)
    assert stdout == "made 2, in the cache already 1, failed 0\n", stderr
    again = _ask(client, **_STEPS)
    assert (again["cache"], again["asset_id"]) == ("hit", first["asset_id"])
    assert _ask(client)["cache"] == "hit"
    give_up = time.monotonic() + 60
    while _sample(client, "ray_gitex_template_reads_total", template="warmed", result="hit") != 2:
        assert time.monotonic() < give_up, "Ray's metrics come every few seconds"
        time.sleep(0.5)
    assert _sample(client, "ray_gitex_template_reads_total", template="warmed", result="miss") == 1
    assert _sample(client, "ray_gitex_template_saved_seconds_total", template="warmed") > first["timing"]["denoise"]
    used = client.get("/v1/templates/warmed/renderings", params={"limit": 2}).json()["data"]
    assert [(each["settings"], each["uses"]) for each in used] == [(_STEPS, 2), ({}, 1)]
    assert client.delete("/v1/templates/warmed").status_code == 204


def test_ctrl_c_frees_the_engine(client: httpx.Client, tmp_path: Path) -> None:
    slots = [{"name": "count", "type": "integer", "minimum": 1, "maximum": 1000}]
    client.post("/v1/templates", json={"name": "many", "text": "{count} red stars", "slots": slots})
    before = _sample(client, "ray_gitex_cancelled_total")
    process = _gitex(tmp_path, client, "cache", "warm", "-t", "many", "--limit", "40", "--concurrency", "8")
    assert process.stderr is not None
    try:
        assert process.stderr.readline().startswith("10/40 made 10")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, stderr.splitlines()[-1]) == (130, "cancelled")
    give_up = time.monotonic() + 60
    while _sample(client, "ray_gitex_cancelled_total") == before:
        assert time.monotonic() < give_up, "the engine was never told"
        time.sleep(0.5)
