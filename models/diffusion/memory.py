"""How many rows fit into the device's memory: a model of it, fitted to a few measured passes. No torch."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, Protocol

import numpy as np

from models.diffusion.batch_key import BatchKey

UNLIMITED_ROWS = 2**31


class RowLimit(Protocol):
    """How much one forward pass may hold."""

    def max_rows(self, key: BatchKey) -> int:
        """Rows of `key` that fit into one pass; 0 if not even one does."""

    def fits(self, key: BatchKey, rows: int) -> bool:
        """Whether a request of that many rows fits alone."""

    def shrink(self, key: BatchKey, rows: int) -> None:
        """From now on, no pass has more row-pixels than `rows` rows of `key`."""


class StepProbe(NamedTuple):
    """One measured forward pass."""

    area: int
    """Latent pixels of a row."""
    rows: int
    peak_bytes: int
    """Above what the loaded model holds at rest."""


class DecodeProbe(NamedTuple):
    """One measured decode of one picture, or its preview."""

    area: int
    peak_bytes: int
    """Above what the loaded model holds at rest."""


@dataclass(frozen=True)
class _Curve:
    """bytes = fixed + rows * (linear * area + quadratic * area**2), no coefficient negative."""

    fixed: float = 0.0
    linear: float = 0.0
    quadratic: float = 0.0

    def row(self, area: int) -> float:
        return self.linear * area + self.quadratic * area**2


class MemoryModel:
    """Peak bytes of a pass: a fixed part, and for each row a part that grows with its area.

    A row's part is linear in the area, and quadratic where attention keeps all its weights; least squares under the
    condition that no coefficient is negative finds out which. The fixed part is then raised until no probe is
    underestimated. Beside each pass there is room for a decode of a picture of its area, or of the largest area
    that was probed if that is larger, because decoding overlaps with the next step.

    The latents and the conditioning of paused requests are not counted: some megabytes each, where one row of a pass
    takes hundreds. Take them off the budget where that is different: a scheduler has up to `4 * max_batch` of them.
    """

    def __init__(self, step: _Curve, decode: _Curve, largest_decode: int, budget: int | None) -> None:
        self._step = step
        self._decode = decode
        self._largest_decode = largest_decode
        self._budget = budget
        self._max_row_pixels: int | None = None

    @classmethod
    def fit(
        cls, step_probes: Sequence[StepProbe], decode_probes: Sequence[DecodeProbe], budget: int | None
    ) -> "MemoryModel":
        """From measured passes, at least at the smallest and the largest area, each at two numbers of rows.

        `budget`: bytes beyond what the loaded model holds at rest; None for no limit, which needs no probes.
        Raises `ValueError` for a budget without step probes.
        """
        if budget is not None and not step_probes:
            raise ValueError("a memory budget needs step probes")
        step = _fit_curve([(probe.area, probe.rows, probe.peak_bytes) for probe in step_probes])
        decode = _fit_curve([(probe.area, 1, probe.peak_bytes) for probe in decode_probes])
        return cls(step, decode, max((probe.area for probe in decode_probes), default=0), budget)

    @classmethod
    def unlimited(cls) -> "MemoryModel":
        """No limit until a pass has failed."""
        return cls.fit((), (), None)

    def peak_bytes(self, key: BatchKey, rows: int) -> float:
        """Peak bytes of a pass of `rows` rows, with the reserve for a decode beside it."""
        return self._step.fixed + rows * self._step.row(key.area) + self._reserve(key)

    def max_rows(self, key: BatchKey) -> int:
        """Rows of `key` in one pass; 0 if by the budget not even one fits. What was learnt by `shrink` leaves one."""
        rows = self._rows_in_budget(key)
        if self._max_row_pixels is not None:
            rows = min(rows, max(1, self._max_row_pixels // key.area))
        return rows

    def fits(self, key: BatchKey, rows: int) -> bool:
        """Whether a request of that many rows fits alone, by the budget: a failed batch says nothing about that."""
        return rows <= self._rows_in_budget(key)

    def shrink(self, key: BatchKey, rows: int) -> None:
        """A pass ran out of memory: from now on, none has more row-pixels than `rows` rows of `key`."""
        row_pixels = max(1, rows) * key.area
        self._max_row_pixels = min(row_pixels, self._max_row_pixels or row_pixels)

    def _rows_in_budget(self, key: BatchKey) -> int:
        if self._budget is None:
            return UNLIMITED_ROWS
        left = self._budget - self._step.fixed - self._reserve(key)
        row = self._step.row(key.area)
        if left < 0:
            return 0
        return min(UNLIMITED_ROWS, int(left / row)) if row > 0 else UNLIMITED_ROWS

    def _reserve(self, key: BatchKey) -> float:
        return self._decode.fixed + self._decode.row(max(key.area, self._largest_decode))


_FEATURES: tuple[Callable[[int, int], float], ...] = (
    lambda area, rows: 1.0,
    lambda area, rows: float(rows * area),
    lambda area, rows: float(rows * area**2),
)


def _fit_curve(probes: Sequence[tuple[int, int, int]]) -> _Curve:
    """Non-negative least squares over (area, rows, bytes): with three terms, every choice of them can be tried."""
    if not probes:
        return _Curve()
    measured = np.array([peak for _, _, peak in probes], dtype=np.float64)
    energy = float(measured @ measured)
    best, best_error = np.zeros(3), energy
    for terms in _choices(range(3)):
        columns = np.array([[_FEATURES[term](area, rows) for term in terms] for area, rows, _ in probes])
        scale = columns.max(axis=0)  # the terms differ by many orders of magnitude
        solution = np.linalg.lstsq(columns / scale, measured, rcond=None)[0] / scale
        error = float(((columns @ solution - measured) ** 2).sum())
        # Fewer terms come first: another one must earn its place.
        if (solution >= 0).all() and error < best_error - 1e-9 * energy:
            best, best_error = np.zeros(3), error
            best[list(terms)] = solution
    linear, quadratic = float(best[1]), float(best[2])
    slack = [peak - best[0] - rows * (linear * area + quadratic * area**2) for area, rows, peak in probes]
    return _Curve(float(best[0]) + max(0.0, *slack), linear, quadratic)


def _choices(terms: Iterable[int]) -> Iterable[tuple[int, ...]]:
    names = tuple(terms)
    return (chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size))
