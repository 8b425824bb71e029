"""Pictures of a GAN model through the HTTP door, with the real engine over a tiny generator behind it."""

import base64
import hashlib
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

import httpx
import pytest
from PIL import Image

from gitex.events import Finished, ImageEvent
from gitex.ports import RunContext
from gitex.specs import ImageSpec
from models.gan.engine import GanEngine
from tests.fakes.models import FakeImageModel
from tests.unit.models.gan.tiny_gan import SIDE, engine, make
from tests.unit.serve_app.http.conftest import Door

URL = "/v1/images/generations"
MODEL = "tiny-gan"
MOVING = {"prompt": "a red star", "model": MODEL, "seed": 1, "end_seed": 2, "frames": 4}


class TinyGan:
    """`gitex.ports.ImageModel` over a GAN engine, as the Serve replica is."""

    def __init__(self, made: GanEngine) -> None:
        self.info = made.info
        self._engine = made

    async def generate(self, spec: ImageSpec, context: RunContext) -> AsyncGenerator[ImageEvent, None]:
        yield Finished(await make(self._engine, spec))


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    door.gan = cast(FakeImageModel, TinyGan(engine()))
    async with door.client() as client:
        yield client


async def _made(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post(URL, json={"prompt": "a red star", "model": MODEL, "seed": 1, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_interpolation_is_answered_as_webp_and_says_so(client: httpx.AsyncClient) -> None:
    body = await _made(client, end_seed=2, frames=4)
    assert (body["output_format"], body["size"]) == ("webp", f"{SIDE}x{SIDE}")
    content = base64.b64decode(body["data"][0]["b64_json"])
    with Image.open(io.BytesIO(content)) as moving:
        assert (moving.format, moving.n_frames) == ("WEBP", 4)
    provenance = body["data"][0]["gitex"]
    assert (provenance["seed"], provenance["end_seed"], provenance["frames"]) == (1, 2, 4)
    assert provenance["sha256"] == hashlib.sha256(content).hexdigest()
    assert provenance["execution"]["dtype"] == "float32"


async def test_the_stored_animation_has_its_own_content_type(client: httpx.AsyncClient) -> None:
    made = (await _made(client, end_seed=2, frames=4, response_format="url"))["data"][0]
    stored = await client.get(made["url"])
    assert stored.headers["content-type"] == "image/webp"
    assert hashlib.sha256(stored.content).hexdigest() == made["gitex"]["sha256"]
    asset = (await client.get(f"/v1/assets/{made['gitex']['asset_id']}")).json()
    assert (asset["media_type"], asset["gitex"]["frames"]) == ("image/webp", 4)


@pytest.mark.parametrize("accept", ["image/png", "image/webp"])
async def test_a_bare_animation_is_called_what_it_is(client: httpx.AsyncClient, accept: str) -> None:
    answer = await client.post(URL, json=MOVING, headers={"accept": accept})
    assert answer.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(answer.content)).format == "WEBP"
    assert json.loads(answer.headers["x-gitex-provenance"])["end_seed"] == 2


async def test_a_streamed_animation_is_called_what_it_is(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json={**MOVING, "stream": True})
    completed = json.loads(answer.text.partition("data: ")[2].partition("\n")[0])
    assert completed["type"] == "image_generation.completed"
    assert completed["output_format"] == "webp"
    assert base64.b64decode(completed["b64_json"])[8:12] == b"WEBP"


async def test_without_numbers_an_end_seed_makes_24_frames_and_a_mix_is_half_and_half(
    client: httpx.AsyncClient,
) -> None:
    provenance = (await _made(client, end_seed=2, mix_label="ring"))["data"][0]["gitex"]
    assert (provenance["frames"], provenance["mix_label"], provenance["mix_weight"]) == (24, "ring", 0.5)
    plain = await _made(client)
    assert plain["output_format"] == "png"
    assert not {"frames", "end_seed", "mix_label", "mix_weight"} & plain["data"][0]["gitex"].keys()


async def test_a_mix_is_another_picture(client: httpx.AsyncClient) -> None:
    bodies = [{}, {"mix_label": "blue moon", "mix_weight": 0.3}, {"mix_label": "blue moon", "mix_weight": 1}]
    pictures = [(await _made(client, **body))["data"][0]["b64_json"] for body in bodies]
    assert len(set(pictures)) == 3
    assert pictures[2] == (await _made(client, prompt="a blue moon"))["data"][0]["b64_json"]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"truncation": 1.5}, "truncation"),
        ({"truncation": "full"}, "truncation"),
        ({"mix_weight": 0.5}, "mix_weight"),
        ({"mix_label": "ring", "mix_weight": -0.1}, "mix_weight"),
        ({"mix_label": "a cat"}, "mix_label"),
        ({"mix_label": ""}, "mix_label"),
        ({"mix_label": "   "}, "mix_label"),
        ({"frames": 4}, "frames"),
        ({"end_seed": 2, "frames": 1}, "frames"),
        ({"end_seed": 2, "frames": 61}, "frames"),
        ({"end_seed": -1}, "end_seed"),
        ({"end_seed": 2**64}, "end_seed"),
        ({"prompt": "a cat"}, "prompt"),
        ({"size": "32x32"}, "size"),
        ({"steps": 5}, "steps"),
        ({"guidance_scale": 2.0}, "guidance_scale"),
        ({"sampler": "ddim"}, "sampler"),
        ({"negative_prompt": "blur"}, "negative_prompt"),
    ],
)
async def test_what_a_gan_cannot_do_is_refused_by_field(
    client: httpx.AsyncClient, more: dict[str, Any], param: str
) -> None:
    answer = await client.post(URL, json={"prompt": "a red star", "model": MODEL, "seed": 1, **more})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "extra", [{"truncation": 0.5}, {"mix_label": "ring"}, {"mix_weight": 0.5}, {"end_seed": 2}, {"frames": 4}]
)
async def test_a_diffusion_model_takes_no_gan_field(client: httpx.AsyncClient, extra: dict[str, Any]) -> None:
    answer = await client.post(URL, json={"prompt": "a red star", "model": "painter", **extra})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == next(iter(extra))
