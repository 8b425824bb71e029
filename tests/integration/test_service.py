"""The whole way of a request through a real cluster."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import ray
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from configs.catalog import load_catalog

IMAGES = "/v1/images/generations"
STAR = {"prompt": "a red star on a blue background", "steps": 10}


def test_everything_is_ready(client: httpx.Client) -> None:
    report = client.get("/readyz").json()
    assert report["status"] == "ready", report
    assert client.get("/healthz").json() == {"status": "ok"}
    assert {"starter-diffusion", "starter-gan", "starter-copy"} <= {
        m["id"] for m in client.get("/v1/models").json()["data"]
    }


def test_a_picture_shows_what_was_asked_for(client: httpx.Client) -> None:
    answer = client.post(IMAGES, json={**STAR, "seed": 11, "steps": 20}, headers={"accept": "image/png"})
    assert answer.status_code == 200, answer.text
    picture = Image.open(io.BytesIO(answer.content)).convert("RGB")
    corners = [picture.getpixel((x, y)) for x in (4, 123) for y in (4, 123)]
    assert all(blue > 120 and blue > 1.5 * red for red, _, blue in corners), corners
    red, _, blue = picture.getpixel((64, 64))
    assert red > 1.3 * blue


def test_the_same_spec_is_the_same_picture_and_is_kept(client: httpx.Client) -> None:
    body = {**STAR, "seed": 12}
    first = client.post(IMAGES, json=body).json()["data"][0]["gitex"]
    second = client.post(IMAGES, json=body).json()["data"][0]["gitex"]
    anew = client.post(IMAGES, json=body, headers={"cache-control": "no-cache"}).json()["data"][0]["gitex"]
    assert [p["cache"] for p in (first, second, anew)] == ["miss", "hit", "bypass"]
    assert first["sha256"] == second["sha256"] == anew["sha256"]
    stored = client.get(f"/v1/assets/{first['asset_id']}/content")
    assert hashlib.sha256(stored.content).hexdigest() == first["sha256"]


def test_identical_requests_in_flight_share_one_run(client: httpx.Client) -> None:
    body = {**STAR, "seed": 13, "steps": 40}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: client.post(IMAGES, json=body).json(), range(6)))
    provenances = [answer["data"][0]["gitex"] for answer in answers]
    assert len({p["asset_id"] for p in provenances}) == 1
    assert [p["cache"] for p in provenances].count("miss") == 1


def test_mixed_requests_at_once_each_get_their_own(client: httpx.Client) -> None:
    bodies = [{**STAR, "seed": 100 + i, "steps": 5 + i, "sampler": ("ddim", "euler")[i % 2]} for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: client.post(IMAGES, json=body).json(), bodies))
    got = [(p["seed"], p["steps"], p["sampler"]) for p in (answer["data"][0]["gitex"] for answer in answers)]
    assert got == [(body["seed"], body["steps"], body["sampler"]) for body in bodies]
    assert len({answer["data"][0]["gitex"]["sha256"] for answer in answers}) == len(bodies)


def test_the_gan_draws_its_classes(client: httpx.Client) -> None:
    model = client.get("/v1/models/starter-gan").json()["gitex"]
    label = model["image"]["labels"][0]
    made = client.post(IMAGES, json={"prompt": label, "model": "starter-gan", "n": 2, "seed": 1})
    assert made.status_code == 200, made.text
    assert len({entry["gitex"]["sha256"] for entry in made.json()["data"]}) == 2
    refused = client.post(IMAGES, json={"prompt": "zeppelin", "model": "starter-gan"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "prompt")


def test_copy_and_chat_answer(client: httpx.Client) -> None:
    copy = client.post("/v1/copy", json={"prompt": "a red star on a blue background", "tone": "playful", "seed": 1})
    assert copy.status_code == 200, copy.text
    assert copy.json()["title"]
    assert all(tag.startswith("#") for tag in copy.json()["hashtags"])
    chat = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 8, "temperature": 0}
    same = {client.post("/v1/chat/completions", json=chat).json()["choices"][0]["message"]["content"] for _ in range(2)}
    assert len(same) == 1


def _sample(client: httpx.Client, name: str, **labels: str) -> float:
    """The value of one series now; 0 while there is none."""
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == f"ray_{name}" and labels.items() <= sample.labels.items():
                return sample.value
    return 0.0


def test_a_client_who_goes_away_frees_the_engine(client: httpx.Client, base_url: str) -> None:
    variant = {"variant": load_catalog().entry("starter-diffusion").id}
    before = _sample(client, "gitex_cancelled_total", **variant)
    body = {**STAR, "seed": 14, "steps": 100, "size": "256x256", "stream": True, "progress": True}
    with httpx.stream("POST", base_url + IMAGES, json=body, timeout=60, trust_env=False) as stream:
        lines = stream.iter_lines()
        while "denoising" not in next(lines):
            pass
    deadline = time.monotonic() + 40  # Ray's metrics are seconds behind
    while _sample(client, "gitex_cancelled_total", **variant) == before:
        assert time.monotonic() < deadline, "the engine was never told"
        time.sleep(0.5)


def test_a_killed_replica_is_replaced_and_its_request_done_again(client: httpx.Client, base_url: str) -> None:
    answers: list[httpx.Response] = []
    body = {**STAR, "seed": 16, "steps": 100, "size": "256x256"}
    caller = threading.Thread(target=lambda: answers.append(httpx.post(base_url + IMAGES, json=body, timeout=90)))
    caller.start()
    time.sleep(2)
    _kill_replica_of("starter-diffusion")
    caller.join()
    assert answers[0].status_code == 200, answers[0].text
    assert client.get("/readyz").status_code == 200


def _kill_replica_of(name: str) -> None:
    for actor in ray.util.list_named_actors(all_namespaces=True):
        if name in actor["name"] and "SERVE_REPLICA" in actor["name"]:
            ray.kill(ray.get_actor(actor["name"], namespace=actor["namespace"]), no_restart=True)
            return
    raise AssertionError(f"no replica of {name}")


def test_promtool_accepts_the_exposition(client: httpx.Client) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus); the parser of prometheus-client reads it below")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=client.get("/metrics").text, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode in (0, 3), checked.stderr  # 3: readable, but the lint has something to say
    # Ray puts labels like `WorkerId` on every series; all else that it says of our metrics is our fault.
    ours = [line for line in (checked.stdout + checked.stderr).splitlines() if "gitex_" in line]
    assert [line for line in ours if "camelCase" not in line] == []


def test_metrics_of_all_processes_are_one_exposition(client: httpx.Client) -> None:
    client.post(IMAGES, json={**STAR, "seed": 17})
    deadline = time.monotonic() + 40
    wanted = {"gitex_requests_total", "gitex_images_total", "gitex_step_batch_size_bucket", "gitex_cache_reads_total"}
    while time.monotonic() < deadline:
        text = client.get("/metrics").text
        names = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
        missing = {name for name in wanted if not any(n.endswith(name) for n in names)}
        if not missing:
            return
        time.sleep(1)
    raise AssertionError(f"never seen: {missing}")


@pytest.mark.parametrize("size", [200 * 2**20])
def test_a_huge_body_is_refused_and_the_service_goes_on(client: httpx.Client, size: int) -> None:
    try:
        answer = client.post(IMAGES, content=b" " * size, headers={"content-type": "application/json"})
        assert answer.status_code == 413
    except httpx.WriteError:
        pass  # refused and hung up before all of it was sent: as good
    assert client.get("/readyz").status_code == 200


def test_a_stream_over_real_http(client: httpx.Client) -> None:
    body = {**STAR, "seed": 18, "stream": True, "partial_images": 2}
    with client.stream("POST", IMAGES, json=body) as stream:
        blocks = "".join(stream.iter_text()).strip().split("\n\n")
    kinds = [block.split("\n")[0].removeprefix("event: ") for block in blocks]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    final = json.loads(blocks[-1].split("\n")[1].removeprefix("data: "))
    assert Image.open(io.BytesIO(base64.b64decode(final["b64_json"]))).size == (128, 128)
