from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitex.specs import MAX_SEED, CopySpec, DiffusionSettings, GanSettings, ImageSpec, Message, image_spec_from_json
from gitex.variants import Variant

VARIANT = Variant("painter", 1, "sha256:00")
SPEC = ImageSpec(VARIANT, "a star", 128, 128, 7, DiffusionSettings(20, 2.0, "ddim", ""))


def test_the_digest_is_the_same_for_ever() -> None:
    # A changed digest orphans every cache entry and every provenance record: change it knowingly.
    assert SPEC.digest() == "dc0279c0693b70f59ed4f9623644c847da34e687e46d2b09a92829e7b6ae87d9"


@pytest.mark.parametrize(
    "other",
    [
        replace(SPEC, prompt="a Star"),
        replace(SPEC, seed=8),
        replace(SPEC, width=136),
        replace(SPEC, variant=replace(VARIANT, weights_digest="sha256:01")),
        replace(SPEC, settings=DiffusionSettings(21, 2.0, "ddim")),
        replace(SPEC, settings=GanSettings(1.0)),
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
        ),
        st.builds(GanSettings, truncation=st.floats(0, 1)),
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
