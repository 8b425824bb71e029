"""The memory model, on probes whose truth is known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.diffusion.batch_key import BatchKey
from models.diffusion.memory import UNLIMITED_ROWS, DecodeProbe, MemoryModel, StepProbe
from tests.unit.models.diffusion.making import LAYOUT

MB = 2**20


def key(side: int) -> BatchKey:
    """Of a picture of that side: area is (side / 8) squared."""
    return LAYOUT.key(side, side)


def truth(area: int, rows: int, quadratic: float = 0.0) -> int:
    return int(100 * MB + rows * (20_000 * area + quadratic * area**2))


AREAS = [1024, 4096, 16384]


def probes(quadratic: float = 0.0) -> list[StepProbe]:
    return [StepProbe(area, rows, truth(area, rows, quadratic)) for area in AREAS[:2] for rows in (1, 2, 4)]


@pytest.mark.parametrize("quadratic", [0.0, 5.0])
def test_finds_the_fixed_part_and_the_slope_and_tells_sizes_that_were_not_probed(quadratic: float) -> None:
    model = MemoryModel.fit(probes(quadratic), [], budget=2**40)
    for side, area in ((256, 1024), (512, 4096), (1024, 16384)):
        assert key(side).area == area
        assert model.peak_bytes(key(side), 7) == pytest.approx(truth(area, 7, quadratic), rel=1e-4)


def test_max_rows_is_the_largest_number_that_fits() -> None:
    budget = 2048 * MB
    model = MemoryModel.fit(probes(), [], budget)
    for side in (256, 512, 1024):
        rows = model.max_rows(key(side))
        assert model.peak_bytes(key(side), rows) <= budget < model.peak_bytes(key(side), rows + 1)


def test_a_request_that_does_not_fit_alone_is_told_from_one_that_does() -> None:
    model = MemoryModel.fit(probes(), [], budget=truth(16384, 1) + MB)
    assert model.max_rows(key(1024)) == 1
    assert (model.fits(key(1024), 1), model.fits(key(1024), 2)) == (True, False)
    assert model.max_rows(key(2048)) == 0
    assert not model.fits(key(2048), 1)


def test_room_is_left_for_a_decode_of_the_same_size_or_of_the_largest_probed() -> None:
    budget = 2048 * MB
    decode = [DecodeProbe(1024, 100 * MB), DecodeProbe(4096, 400 * MB)]
    with_decode = MemoryModel.fit(probes(), decode, budget)
    for side, reserve in ((256, 400), (512, 400), (1024, 1600)):
        without = MemoryModel.fit(probes(), [], int(budget - reserve * MB))
        assert with_decode.max_rows(key(side)) == without.max_rows(key(side))


def test_without_a_budget_there_is_no_limit() -> None:
    model = MemoryModel.unlimited()
    assert model.max_rows(key(4096)) == UNLIMITED_ROWS
    assert model.fits(key(4096), 2)


def test_a_budget_needs_probes() -> None:
    with pytest.raises(ValueError, match="probes"):
        MemoryModel.fit([], [], budget=MB)


def test_shrinking_holds_for_every_size_and_only_ever_shrinks() -> None:
    model = MemoryModel.unlimited()
    model.shrink(key(512), 4)
    assert [model.max_rows(key(side)) for side in (256, 512, 1024)] == [16, 4, 1]
    model.shrink(key(256), 100)
    assert model.max_rows(key(512)) == 4
    model.shrink(key(512), 1)
    assert [model.max_rows(key(side)) for side in (256, 512, 1024)] == [4, 1, 1]
    assert model.fits(key(1024), 2)  # a failed batch does not say that a request does not fit alone


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from(AREAS), st.integers(1, 8), st.integers(1, 80_000 * MB)), min_size=1, max_size=12
    ),
    st.integers(1, 10**11),
)
def test_no_probe_is_underestimated_and_more_never_costs_less(
    measured: list[tuple[int, int, int]], budget: int
) -> None:
    """Whatever was measured, even nonsense."""
    model = MemoryModel.fit([StepProbe(*probe) for probe in measured], [], budget)
    sides = {1024: 256, 4096: 512, 16384: 1024}
    for area, rows, peak in measured:
        assert model.peak_bytes(key(sides[area]), rows) >= peak * (1 - 1e-6)
    rows_by_side = [model.max_rows(key(side)) for side in (256, 512, 1024, 2048)]
    assert rows_by_side == sorted(rows_by_side, reverse=True)
    assert all(rows >= 0 for rows in rows_by_side)
