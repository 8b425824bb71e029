import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitex.specs import (
    MAX_SEED,
    Adapter,
    CopySpec,
    DiffusionSettings,
    GanSettings,
    ImageSpec,
    Message,
    SourceImage,
    StyleImage,
    image_spec_from_json,
)
from gitex.variants import Variant

VARIANT = Variant("painter", 1, "sha256:00")
SETTINGS = DiffusionSettings(20, 2.0, "ddim", "")
SPEC = ImageSpec(VARIANT, "a star", 128, 128, 7, SETTINGS)


def test_the_digest_is_the_same_for_ever() -> None:
    # A changed digest orphans every cache entry and every provenance record: change it knowingly.
    assert SPEC.digest() == "8bb01eb76bd7b2844587d0a49233bf1e247065c7596d2038162a06d7315fc591"


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, prompt="a Star"),
        replace(SPEC, seed=8),
        replace(SPEC, width=136),
        replace(SPEC, variant=replace(VARIANT, weights_digest="sha256:01")),
        replace(SPEC, settings=DiffusionSettings(21, 2.0, "ddim")),
        replace(SPEC, settings=GanSettings(1.0)),
        replace(SPEC, settings=replace(SETTINGS, source=SourceImage("aa", 0.5))),
        replace(SPEC, settings=replace(SETTINGS, style=StyleImage("aa"))),
        replace(SPEC, settings=replace(SETTINGS, adapters=(Adapter("ink", "sha256:02"),))),
        replace(SPEC, settings=replace(SETTINGS, strict=True)),
    ],
)
def test_everything_that_decides_the_output_is_in_the_digest(other: ImageSpec) -> None:
    assert other.digest() != SPEC.digest()


@given(
    prompt=st.text(),
    seed=st.integers(0, MAX_SEED),
    settings=st.one_of(
        st.builds(
            DiffusionSettings,
            steps=st.integers(1, 100),
            guidance_scale=st.floats(0, 50),
            sampler=st.sampled_from(["ddim", "euler"]),
            negative_prompt=st.text(),
            source=st.none() | st.builds(SourceImage, st.text(), st.floats(0.1, 1), st.text()),
            style=st.none() | st.builds(StyleImage, st.text(), st.floats(0, 1)),
            adapters=st.lists(st.builds(Adapter, st.text(), st.text(), st.floats(-2, 2))).map(tuple),
            strict=st.booleans(),
        ),
        st.builds(GanSettings, truncation=st.floats(0, 1), end_seed=st.none() | st.integers(0, MAX_SEED)),
    ),
)
def test_specs_come_back_from_their_canonical_json(
    prompt: str, seed: int, settings: DiffusionSettings | GanSettings
) -> None:
    spec = ImageSpec(VARIANT, prompt, 64, 72, seed, settings)
    assert image_spec_from_json(spec.canonical()) == spec


def test_copy_specs_differ_by_turn_order() -> None:
    turns = (Message("user", "a"), Message("assistant", "b"))
    one = CopySpec(VARIANT, turns, max_tokens=5)
    assert one.digest() != replace(one, messages=turns[::-1]).digest()


def test_a_spec_from_before_a_field_was_there_reads_with_its_default() -> None:
    fields = json.loads(SPEC.canonical())
    for name in ("source", "style", "adapters", "strict"):
        del fields["settings"][name]
    assert image_spec_from_json(json.dumps(fields)) == SPEC
