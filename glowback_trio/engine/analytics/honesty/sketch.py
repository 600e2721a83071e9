"""Sketches: what is kept of a trial's returns, half a kilobyte however long the record is.

The record is cut into up to 256 blocks of equal length, of which a sketch has the sums, rounded to
16 bits, and into up to 16 coarse blocks, of which it has the sums of squares. Sums of so few bits
are exact in any order of addition, so that statistics that multiply matrices have the same last
digit on every processor. The moments of the record are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from struct import Struct

import numpy as np
from attrs import field, fields, frozen
from numpy.typing import NDArray

from glowback_trio.engine.analytics.returns import (
    FLAT_VARIANCE,
    Moments,
    kurtosis,
    skewness,
)
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.short_repr import counted, describe

Flags = NDArray[np.bool_]

__all__ = [
    "ReturnsSketch",
    "SketchBatch",
    "SketchSums",
    "block_numbers",
    "block_starts",
    "sketches_from",
    "sketches_of",
]

_MOST_BLOCKS, _MOST_COARSE = 256, 16
_VERSION = 1
_HEAD = np.dtype([("version", "<u2"), ("blocks", "<u2"), ("count", "<u4")])
_AT_ONCE = 1 << 15  # returns that are sketched at a time, such that arrays stay in a cache
_MOMENTS = Struct("<2d")  # the first two after the head


@cache
def _layout(blocks: int) -> np.dtype[np.void]:
    """Return the layout of a sketch of so many blocks, as bytes."""
    moments = [(name, "<f8") for name in ("mean", "variance", "skewness", "kurtosis")]
    units = [("unit", "<f8"), ("square_unit", "<f8")]
    sums = [("total", "<i2", (blocks,)), ("square", "<u2", (min(blocks, _MOST_COARSE),))]
    return np.dtype([*_HEAD.descr, *moments, *units, *sums])


def _blocks(count: int) -> int:
    """Return the number of blocks: the largest power of two up to 256 with two returns each."""
    return min(_MOST_BLOCKS, 1 << max(count // 2, 1).bit_length() - 1)


def block_numbers(count: int) -> tuple[int, int]:
    """Return how many blocks a record of so many returns has, and how many coarse ones."""
    blocks = _blocks(count)
    return blocks, min(blocks, _MOST_COARSE)


def block_starts(count: int, blocks: int) -> Indices:
    """Return the first return of each block of a record; blocks differ by one return at most."""
    return np.arange(blocks) * count // blocks


@frozen(eq=False)
class SketchSums:
    """The sums of N records that their sketches are made of.

    Attributes:
        count: Number of returns of each.
        mean: (N,) their mean.
        second: (N,) their mean squared deviation from it; `third` and `fourth` likewise.
        total: (N, B) sums of the deviations, block by block.
        squares: (N, C) sums of the squared ones, coarse block by coarse block.
    """

    count: int
    mean: Floats
    second: Floats
    third: Floats
    fourth: Floats
    total: Floats
    squares: Floats


@frozen(repr=False)
class ReturnsSketch:
    """A sketch of one trial's returns.

    Attributes:
        data: Its bytes, of the same layout on every machine; a store keeps them as they are.

    Raises:
        ValueError: The bytes are no sketch.
    """

    data: bytes

    def __attrs_post_init__(self) -> None:
        version, blocks = (int.from_bytes(self.data[at : at + 2], "little") for at in (0, 2))
        if version != _VERSION or len(self.data) != _layout(blocks).itemsize:
            raise ValueError(
                f"{counted(len(self.data), 'byte')} that are no sketch of version {_VERSION}"
            )

    def __repr__(self) -> str:
        """Return the number of returns and their Sharpe ratio."""
        return describe(self, counted(self.count, "return"), sharpe=self.sharpe)

    @classmethod
    def of(cls, returns: Floats) -> ReturnsSketch:
        """Sketch one record.

        Args:
            returns: (T,) returns per bar less those without risk, fractions.
        """
        return sketches_of(returns[:, np.newaxis])[0]

    @property
    def count(self) -> int:
        """Number of returns."""
        return int.from_bytes(self.data[4:8], "little")

    @property
    def sharpe(self) -> float | None:
        """Sharpe ratio per bar, not annualised; None if all returns are equal."""
        # As `SketchBatch.sharpe`, without the arrays: every trial is asked for it.
        mean, variance = _MOMENTS.unpack_from(self.data, _HEAD.itemsize)
        if not variance > FLAT_VARIANCE:
            return None
        found: float = mean / math.sqrt(variance * (self.count / max(self.count - 1, 1)))
        return None if math.isnan(found) else found


def sketches_of(returns: Floats) -> Sequence[ReturnsSketch]:
    """Sketch many records of the same bars, each as if it were the only one.

    Args:
        returns: (T, N) returns per bar less those without risk, fractions. A record with one that
            is not finite is sketched as one that never moves.

    Returns:
        N sketches.
    """
    width = max(1, _AT_ONCE // max(len(returns), 1))
    layout = _layout(_blocks(len(returns)))
    return [
        ReturnsSketch(row.tobytes())
        for first in range(0, returns.shape[1], width)
        for row in _sketched(returns[:, first : first + width], layout)
    ]


def _sketched(returns: Floats, layout: np.dtype[np.void]) -> NDArray[np.void]:
    # One record to a row: a sum along a row has the same order of additions, and the same last
    # digit, whatever other rows there are.
    rows = np.array(returns.T, order="C")
    rows[~np.isfinite(rows).all(axis=1)] = 0.0
    found = np.zeros(len(rows), layout)
    blocks, coarse = (layout[name].shape[0] for name in ("total", "square"))
    count = rows.shape[1]
    found["version"], found["blocks"], found["count"] = _VERSION, blocks, count
    if not count:
        return found
    mean = rows.sum(axis=1) / count
    rows -= mean[:, np.newaxis]
    total = np.add.reduceat(rows, block_starts(count, blocks), axis=1)
    square = rows * rows
    cube = np.multiply(rows, square, out=rows).sum(axis=1) / count
    squares = np.add.reduceat(square, block_starts(count, coarse), axis=1)
    second = square.sum(axis=1) / count
    fourth = np.multiply(square, square, out=square).sum(axis=1) / count
    _fill(found, SketchSums(count, mean, second, cube, fourth, total, squares))
    return found


def sketches_from(sums: SketchSums) -> Sequence[ReturnsSketch]:
    """Return the sketches of records of which only the sums are at hand, as `sketches_of` does."""
    layout = _layout(_blocks(sums.count))
    found = np.zeros(len(sums.mean), layout)
    blocks = layout["total"].shape[0]
    found["version"], found["blocks"], found["count"] = _VERSION, blocks, sums.count
    if sums.count:
        _fill(found, sums)
    return [ReturnsSketch(row.tobytes()) for row in found]


def _fill(found: NDArray[np.void], sums: SketchSums) -> None:
    second = sums.second
    spread = Moments(sums.count, sums.mean, second, sums.third, sums.fourth, np.sqrt(second))
    found["mean"], found["variance"] = sums.mean, second
    found["skewness"], found["kurtosis"] = skewness(spread), kurtosis(spread)
    moves = second > FLAT_VARIANCE
    found["unit"], found["total"] = _rounded(sums.total, moves, 2**15 - 1)
    found["square_unit"], found["square"] = _rounded(sums.squares, moves, 2**16 - 1)


def _rounded(sums: Floats, moves: Flags, most: int) -> tuple[Floats, Floats]:
    """Return the unit of each row's sums, and the sums as whole numbers up to `most`."""
    unit = np.where(moves, np.abs(sums).max(axis=1) / most, 0.0)[:, np.newaxis]
    return unit[:, 0], np.rint(np.divide(sums, unit, out=np.zeros_like(sums), where=unit > 0))


@frozen(eq=False, repr=False)
class SketchBatch:
    """Sketches of trials on the same bars, as columns.

    Attributes:
        count: Number of returns of each trial.
        mean: (N,) mean return, a fraction.
        variance: (N,) mean squared deviation from it.
        skewness: (N,) population skewness; NaN of a trial that never moves.
        kurtosis: (N,) population excess kurtosis, likewise.
        unit: (N,) what `total` counts, a fraction; 0 of a trial that never moves.
        square_unit: (N,) what `square` counts.
        total: (N, S) sums of the deviations from the mean, block by block, in units.
        square: (N, C) sums of their squares, coarse block by coarse block, in units.
    """

    count: int
    mean: Floats = field(repr=False)
    variance: Floats = field(repr=False)
    skewness: Floats = field(repr=False)
    kurtosis: Floats = field(repr=False)
    unit: Floats = field(repr=False)
    square_unit: Floats = field(repr=False)
    total: NDArray[np.int16] = field(repr=False)
    square: NDArray[np.uint16] = field(repr=False)

    def __len__(self) -> int:
        return len(self.mean)

    def __repr__(self) -> str:
        """Return the numbers of trials and returns."""
        return describe(self, counted(len(self), "trial"), counted(self.count, "return"))

    @classmethod
    def of(cls, sketches: Iterable[ReturnsSketch]) -> SketchBatch:
        """Put sketches together.

        Raises:
            ValueError: There are none, or they are of records that differ in length.
        """
        every = list(sketches)
        counts = {one.count for one in every}
        if len(counts) != 1:
            lengths = sorted(counts)
            raise ValueError(f"trials should be on the same bars, not on records of {lengths}")
        (count,) = counts
        rows = np.frombuffer(b"".join(one.data for one in every), _layout(_blocks(count)))
        names = (one.name for one in fields(cls)[1:])
        return cls(count, *(np.ascontiguousarray(rows[name]) for name in names))

    @property
    def sharpe(self) -> Floats:
        """(N,) Sharpe ratios per bar, with ddof 1; NaN of trials that never move."""
        below = np.sqrt(self.variance * (self.count / max(self.count - 1, 1)))
        found = np.full(len(self), np.nan)
        np.divide(self.mean, below, out=found, where=self.variance > FLAT_VARIANCE)
        return found
