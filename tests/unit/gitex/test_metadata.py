"""The metadata document: what marketplaces read, what proves the origin, and one set of bytes."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.catalog import REPOSITORY
from gitex.assets import Asset
from gitex.errors import InvalidInput
from gitex.events import Execution, StageSeconds
from gitex.metadata import metadata_document, prompt_history_sha256
from gitex.specs import MAX_SEED, Adapter, DiffusionSettings, GanSettings, ImageSpec, SourceImage, image_spec_from_json
from gitex.variants import Variant
from tests.fakes.marketplace import MARKETPLACE

CID = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
WHEN = datetime(2026, 3, 1, 12, 30, 15, 250, tzinfo=UTC)
SPEC = ImageSpec(
    Variant("emblem", 3, "sha256:" + "a" * 64), "a red star", 128, 128, 7, DiffusionSettings(20, 7.5, "euler")
)
ASSET = Asset(
    id="asset-1",
    sha256="ab" * 32,
    media_type="image/png",
    size=1234,
    spec=SPEC,
    stages=StageSeconds(),
    created_at=WHEN,
    execution=Execution(True, "cpu: AMD EPYC", "float32", ("torch 2.13.0+cpu",)),
    cid=CID,
    creator="ada",
    parent_id="asset-0",
    prompt_history=("a star", "a red star"),
)
calmly = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_any_text = st.text(st.characters(), max_size=200)
_floats = st.floats(allow_nan=False, allow_infinity=False)
_settings = st.one_of(
    st.builds(
        DiffusionSettings,
        steps=st.integers(1, 1000),
        guidance_scale=_floats,
        sampler=st.sampled_from(["euler", "ddim"]),
        negative_prompt=_any_text,
        source=st.none() | st.builds(SourceImage, st.just("cd" * 32), _floats),
        adapters=st.lists(st.builds(Adapter, _any_text, _any_text, _floats), max_size=2).map(tuple),
    ),
    st.builds(GanSettings, truncation=_floats, end_seed=st.none() | st.integers(0, MAX_SEED)),
)
_assets = st.builds(
    Asset,
    id=st.uuids().map(str),
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
    media_type=st.sampled_from(["image/png", "image/webp"]),
    size=st.integers(1, 2**40),
    spec=st.builds(
        ImageSpec,
        variant=st.just(SPEC.variant),
        prompt=_any_text,
        width=st.integers(1, 4096),
        height=st.integers(1, 4096),
        seed=st.integers(0, MAX_SEED),
        settings=_settings,
    ),
    stages=st.just(StageSeconds()),
    created_at=st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    execution=st.none() | st.just(ASSET.execution),
    cid=st.sampled_from(["", CID]),
    creator=_any_text,
    parent_id=st.sampled_from(["", "asset-0"]),
    prompt_history=st.lists(_any_text, max_size=4).map(tuple),
)


def _document(asset: Asset = ASSET, **options: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(metadata_document(asset, CID, **options))
    return document


@calmly
@given(asset=_assets, name=_any_text, description=_any_text, url=st.sampled_from(["", "https://gitex.example/a?b=ü"]))
def test_every_asset_has_a_document_that_marketplaces_read(asset: Asset, name: str, description: str, url: str) -> None:
    document = _document(asset, name=name, description=description, external_url=url)
    MARKETPLACE.validate(document)
    assert document["image"] == f"ipfs://{CID}"
    assert (document["name"], document["description"]) == (name or document["name"], description or asset.spec.prompt)
    assert document.get("external_url", "") == url


@calmly
@given(asset=_assets)
def test_the_document_is_canonical(asset: Asset) -> None:
    content = metadata_document(asset, CID)
    document = json.loads(content.decode("utf-8"))
    assert json.dumps(document, sort_keys=True, separators=(",", ":")).encode() == content
    assert metadata_document(replace(asset), CID) == content


@calmly
@given(asset=_assets)
def test_the_spec_in_the_document_is_the_one_that_the_digest_is_of(asset: Asset) -> None:
    content = metadata_document(asset, CID)
    block = json.loads(content)["gitex"]
    assert asset.spec.canonical().encode() in content
    again = image_spec_from_json(json.dumps(block["spec"]))
    assert again == asset.spec
    assert again.digest() == block["spec_sha256"] == asset.spec.digest()


@calmly
@given(asset=_assets)
def test_the_prompt_history_hashes_to_what_the_document_says(asset: Asset) -> None:
    block = _document(asset)["gitex"]
    text = json.dumps(block["prompt_history"], separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == block["prompt_history_sha256"]
    assert tuple(block["prompt_history"]) == asset.prompt_history


def test_histories_that_join_to_the_same_text_differ() -> None:
    assert len({prompt_history_sha256(h) for h in (["a", "b"], ["ab"], ["a,b"], ['a","b'], ["b", "a"], [])}) == 6


def test_another_process_makes_the_same_bytes() -> None:
    code = (
        "import sys, hashlib, tests.unit.gitex.test_metadata as t;"
        "print(hashlib.sha256(t.metadata_document(t.ASSET, t.CID)).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Kolkata", "LC_ALL": "C", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == hashlib.sha256(metadata_document(ASSET, CID)).hexdigest()


def test_the_same_moment_in_another_zone_gives_the_same_bytes() -> None:
    elsewhere = replace(ASSET, created_at=WHEN.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert metadata_document(elsewhere, CID) == metadata_document(ASSET, CID)


def test_the_provenance_block_has_all_that_is_known() -> None:
    assert _document()["gitex"] == {
        "format": 1,
        "asset_id": "asset-1",
        "cid": CID,
        "sha256": "ab" * 32,
        "size": 1234,
        "media_type": "image/png",
        "spec": json.loads(SPEC.canonical()),
        "spec_sha256": SPEC.digest(),
        "variant": "emblem@3",
        "weights_digest": "sha256:" + "a" * 64,
        "creator": "ada",
        "parent": "asset-0",
        "prompt_history": ["a star", "a red star"],
        "prompt_history_sha256": hashlib.sha256(b'["a star","a red star"]').hexdigest(),
        "execution": {
            "strict": True,
            "device": "cpu: AMD EPYC",
            "dtype": "float32",
            "versions": ["torch 2.13.0+cpu"],
        },
        "created_at": "2026-03-01T12:30:15.000250Z",
    }


def test_the_attributes_say_how_it_was_made() -> None:
    spec = replace(SPEC, seed=MAX_SEED, settings=replace(SPEC.settings, adapters=(Adapter("ink", "sha256:b"),)))
    found = {
        (a["trait_type"], a["value"], a.get("display_type")) for a in _document(replace(ASSET, spec=spec))["attributes"]
    }
    assert found == {
        ("Model", "emblem@3", None),
        ("Kind", "image", None),
        ("Seed", "18446744073709551615", None),
        ("Width", 128, "number"),
        ("Height", 128, "number"),
        ("Sampler", "euler", None),
        ("Steps", 20, "number"),
        ("Guidance", 7.5, "number"),
        ("Adapter", "ink", None),
        ("Created", 1772368215, "date"),
    }


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a red star", "a red star"),
        ("  a\n red\tstar ", "a red star"),
        ("", "Gitex asset-1"),
        (" \n", "Gitex asset-1"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
    ],
)
def test_it_is_called_by_its_prompt_unless_it_has_a_name(prompt: str, name: str) -> None:
    asset = replace(ASSET, spec=replace(SPEC, prompt=prompt))
    assert _document(asset)["name"] == name
    assert _document(asset, name="Star")["name"] == "Star"


@pytest.mark.parametrize("cid", ["", "Qm" + "a" * 44, "../x", CID.upper(), CID + "\n", CID[:-1] + "a"])
def test_a_cid_that_is_not_the_assets_is_refused(cid: str) -> None:
    with pytest.raises(InvalidInput, match="not the CID") as caught:
        metadata_document(ASSET, cid)
    assert caught.value.param == "image_cid"


@pytest.mark.parametrize("cid", ["", "Qm" + "a" * 44, "../x", CID.upper(), CID + "\n", CID + "/star.png"])
def test_what_is_no_cid_is_refused_where_the_asset_has_none(cid: str) -> None:
    with pytest.raises(InvalidInput, match="not the CID"):
        metadata_document(replace(ASSET, cid=""), cid)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "gitex.example", "ipfs://x"])
def test_an_external_address_must_be_http(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        metadata_document(ASSET, CID, external_url=url)
    assert caught.value.param == "external_url"
