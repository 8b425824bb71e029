"""`/v1/images/edits` and `/v1/images/variations`: forms with files."""

import base64
import hashlib
import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from gitex.errors import ContentRefused
from gitex.specs import DiffusionSettings, ImageSpec
from tests.fakes.models import ADAPTERS
from tests.unit.serve_app.http.conftest import Door
from tests.unit.serve_app.http.test_images import events_of
from tests.unit.serve_app.pictures import bomb, encoded, gradient, window_mask

EDITS, VARIATIONS = "/v1/images/edits", "/v1/images/variations"
PHOTO = encoded(gradient(128, 96), "JPEG")
MASK = encoded(window_mask(128, 96))


async def post(client: httpx.AsyncClient, url: str = EDITS, **fields: Any) -> httpx.Response:
    """A multipart form: bytes go as files, the rest as text, lists as repeated fields; None leaves a field out."""
    parts: list[tuple[str, Any]] = []
    for name, given in {"image": PHOTO, "prompt": "a star", "user": "tester", **fields}.items():
        values = [value for value in (given if isinstance(given, list) else [given]) if value is not None]
        parts += [(name, (f"{name}.png" if isinstance(value, bytes) else None, value)) for value in values]
    return await client.post(url, files=parts)


def settings_of(spec: ImageSpec) -> DiffusionSettings:
    assert isinstance(spec.settings, DiffusionSettings)
    return spec.settings


async def test_an_edit_reaches_the_engine_with_its_pictures_kept(door: Door) -> None:
    async with door.client() as client:
        answer = await post(
            client, mask=MASK, style_image=PHOTO, seed="7", steps="9", strength="0.5", style_weight="0.25", n="2"
        )
    assert answer.status_code == 200, answer.text
    assert [spec.seed for spec in door.image.started] == [7, 8]
    spec, context = door.image.started[0], door.image.contexts[0]
    settings = settings_of(spec)
    assert (spec.width, spec.height, spec.prompt) == (128, 96, "a star")
    assert settings.steps == 9
    assert settings.source is not None
    assert settings.source.strength == 0.5
    assert settings.style is not None
    assert settings.style.weight == 0.25
    assert {settings.source.sha256, settings.source.mask, settings.style.sha256} == set(context.pictures)
    assert door.assets.pictures == dict(context.pictures)
    mask = np.asarray(Image.open(io.BytesIO(context.pictures[settings.source.mask])))
    assert (mask[:, :64] == 255).all()
    assert (mask[:, 64:] == 0).all()
    provenance = answer.json()["data"][0]["gitex"]
    assert provenance["source"] == {
        "sha256": settings.source.sha256,
        "strength": 0.5,
        "mask": settings.source.mask,
    }
    assert provenance["style"] == {"sha256": settings.style.sha256, "weight": 0.25}


async def test_the_defaults_of_an_edit_and_of_a_variation(door: Door) -> None:
    async with door.client() as client:
        assert (await post(client)).status_code == 200
        varied = await post(client, VARIATIONS, prompt=None, n="2")
    edit, first, second = door.image.started
    assert varied.status_code == 200, varied.text
    for spec, strength in ((edit, 0.6), (first, 0.7), (second, 0.7)):
        source = settings_of(spec).source
        assert source is not None
        assert (source.strength, source.mask) == (strength, "")
        assert settings_of(spec).style is None
    assert first.prompt == ""
    assert second.seed == first.seed + 1


async def test_a_style_in_words_follows_the_prompt(door: Door) -> None:
    async with door.client() as client:
        await post(client, style="as a woodcut")
        await post(client, VARIATIONS, prompt=None, style="as a woodcut")
    assert [spec.prompt for spec in door.image.started] == ["a star, as a woodcut", "as a woodcut"]


async def test_a_wanted_size_is_kept_to(door: Door) -> None:
    async with door.client() as client:
        answer = await post(client, size="64x64")
    assert answer.json()["size"] == "64x64"
    assert Image.open(io.BytesIO(base64.b64decode(answer.json()["data"][0]["b64_json"]))).size == (64, 64)


async def test_the_same_form_is_answered_from_the_cache_and_another_picture_is_not(client: httpx.AsyncClient) -> None:
    async def state(**fields: Any) -> str:
        cache: str = (await post(client, seed="1", **fields)).json()["data"][0]["gitex"]["cache"]
        return cache

    assert await state() == "miss"
    assert await state() == "hit"
    for change in ({"image": encoded(gradient(128, 96).rotate(180))}, {"mask": MASK}, {"strength": "0.61"}):
        assert await state(**change) == "miss"


async def test_a_stream_has_openais_edit_events(client: httpx.AsyncClient) -> None:
    answer = await post(client, stream="true", partial_images="1", progress="true")
    names = [name for name, _ in events_of(answer.text)]
    assert names[2] == "image_edit.partial_image"
    assert names[-1] == "image_edit.completed"
    final = events_of(answer.text)[-1][1]
    assert final["gitex"]["sha256"] == hashlib.sha256(base64.b64decode(final["b64_json"])).hexdigest()
    assert final["output_format"] == "png"


async def test_a_bare_picture_is_answered_where_it_is_asked_for(client: httpx.AsyncClient) -> None:
    files = {"image": ("photo.jpg", PHOTO)}
    answer = await client.post(EDITS, data={"prompt": "a star"}, files=files, headers={"accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    assert json.loads(answer.headers["x-gitex-provenance"])["source"]["strength"] == 0.6


async def test_every_option_of_a_diffusion_model_works_in_a_form(door: Door) -> None:
    async with door.client() as client:
        answer = await post(
            client,
            strict="true",
            adapters=["ink:0.5", "glow"],
            sampler="euler",
            guidance_scale="3",
            negative_prompt="grey",
            priority="-3",
        )
    assert answer.status_code == 200, answer.text
    settings, context = settings_of(door.image.started[0]), door.image.contexts[0]
    assert settings.strict
    assert [(each.name, each.weights_digest, each.weight) for each in settings.adapters] == [
        (*ADAPTERS[0], 1.0),
        (*ADAPTERS[1], 0.5),
    ]
    assert (settings.sampler, settings.guidance_scale, settings.negative_prompt) == ("euler", 3.0, "grey")
    assert (context.tenant, context.priority) == ("tester", -3)


BAD_FORMS: list[tuple[str, dict[str, Any], str]] = [
    (EDITS, {"image": None}, "image"),
    (EDITS, {"image": "text"}, "image"),
    (EDITS, {"image": b""}, "image"),
    (EDITS, {"image": b"GIF89a"}, "image"),
    (EDITS, {"image": encoded(gradient(9, 9), "GIF")}, "image"),
    (EDITS, {"image": b"<svg/>"}, "image"),
    (EDITS, {"image": encoded(gradient(99, 99))[:-200]}, "image"),
    (EDITS, {"image": bomb(10_000, 10_000)}, "image"),
    (EDITS, {"mask": encoded(window_mask(96, 128))}, "mask"),
    (EDITS, {"mask": b"text"}, "mask"),
    (EDITS, {"mask": encoded(Image.new("L", (128, 96)))}, "mask"),
    (EDITS, {"style_image": b"text"}, "style_image"),
    (EDITS, {"style_weight": "0.5"}, "style_weight"),
    (EDITS, {"style_weight": "2", "style_image": PHOTO}, "style_weight"),
    (EDITS, {"style": "x" * 4000}, "style"),
    (EDITS, {"prompt": None}, "prompt"),
    (EDITS, {"prompt": ""}, "prompt"),
    (EDITS, {"prompt": "  "}, "prompt"),
    (EDITS, {"prompt": "x" * 4001}, "prompt"),
    (EDITS, {"strength": "0"}, "strength"),
    (EDITS, {"strength": "2"}, "strength"),
    (EDITS, {"strength": "-0.1"}, "strength"),
    (EDITS, {"strength": "nan"}, "strength"),
    (EDITS, {"strength": "much"}, "strength"),
    (EDITS, {"strength": "0.1", "steps": "9"}, "strength"),
    (EDITS, {"steps": "1000"}, "steps"),
    (EDITS, {"steps": "1.5"}, "steps"),
    (EDITS, {"n": "0"}, "n"),
    (EDITS, {"n": "9"}, "n"),
    (EDITS, {"n": "2", "stream": "true"}, "n"),
    (EDITS, {"size": "100x100"}, "size"),
    (EDITS, {"seed": str(2**64)}, "seed"),
    (EDITS, {"guidance_scale": "inf"}, "guidance_scale"),
    (EDITS, {"adapters": "soot"}, "adapters"),
    (EDITS, {"adapters": "ink:much"}, "adapters.0"),
    (EDITS, {"adapters": "ink:nan"}, "adapters.0.weight"),
    (EDITS, {"adapters": ["ink", "ink:0.5"]}, "adapters"),
    (EDITS, {"priority": "11"}, "priority"),
    (EDITS, {"colour": "red"}, "colour"),
    (EDITS, {"model": "forger"}, "model"),
    (EDITS, {"model": "writer"}, "model"),
    (VARIATIONS, {"image": None}, "image"),
    (VARIATIONS, {"mask": MASK}, "mask"),
    (VARIATIONS, {"model": "forger"}, "model"),
    (VARIATIONS, {"strength": "0"}, "strength"),
]


@pytest.mark.parametrize(("url", "fields", "param"), BAD_FORMS, ids=lambda value: str(value)[:50])
async def test_bad_input_is_a_400_that_names_the_field(
    door: Door, url: str, fields: dict[str, Any], param: str
) -> None:
    async with door.client() as client:
        answer = await post(client, url, **fields)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert error["message"]
    assert "Value error" not in error["message"]
    assert door.image.started == []
    assert door.assets.pictures == {}


async def test_two_pictures_in_one_field_are_refused_and_not_one_dropped(client: httpx.AsyncClient) -> None:
    files = [("image", ("a.png", PHOTO)), ("image", ("b.png", PHOTO))]
    answer = await client.post(EDITS, data={"prompt": "a star"}, files=files)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "image")


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"garbage", "multipart/form-data; boundary=x", 400),
        (b"garbage", "multipart/form-data", 400),
        (b"", "multipart/form-data; boundary=x", 400),
        (b'{"prompt": "a"}', "application/json", 415),
        (b"prompt=a", "application/x-www-form-urlencoded", 415),
        (b"--x\r\n" + b"a" * (17 << 20), "multipart/form-data; boundary=x", 413),
    ],
)
async def test_bad_bodies(client: httpx.AsyncClient, content: bytes, content_type: str, status: int) -> None:
    answer = await client.post(EDITS, content=content, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_a_form_without_a_length_is_cut_off_at_the_limit(client: httpx.AsyncClient) -> None:
    async def endless():
        yield b'--x\r\ncontent-disposition: form-data; name="image"; filename="a"\r\n\r\n'
        while True:
            yield b" " * 65536

    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert (await client.post(EDITS, content=endless(), headers=headers)).status_code == 413


async def test_a_refusal_tells_its_category(door: Door) -> None:
    door.image.error = ContentRefused("the prompt is refused: violence", category="violence", param="prompt")
    async with door.client() as client:
        answers = [
            await post(client),
            await post(client, stream="true"),
            await client.post("/v1/images/generations", json={"prompt": "a star"}),
        ]
        door.image.error_after_steps = True
        streamed = await post(client, stream="true", progress="true")
    name, event = events_of(streamed.text)[-1]
    assert name == "error"
    for error in (event["error"], *(answer.json()["error"] for answer in answers)):
        assert error == {
            "message": "the prompt is refused: violence",
            "type": "invalid_request_error",
            "param": "prompt",
            "code": "content_policy_violation",
            "category": "violence",
        }
    assert {answer.status_code for answer in answers} == {400}


async def test_a_category_stands_in_the_message_even_if_the_engine_left_it_out(door: Door) -> None:
    door.image.error = ContentRefused("the picture is refused", category="nudity")
    async with door.client() as client:
        error = (await post(client)).json()["error"]
    assert error["message"] == "the picture is refused (category: nudity)"
