"""Points of the unit cube: at random, or evenly spread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np

from glowback_trio.search.samplers.sobol import BITS, sobol_numbers

__all__ = ["Points", "latin_points", "random_points", "sobol_points"]

#: Returns endless points: takes the number of axes, the number of points wanted, and what draws.
#: Only `Random.random` is called, whose sequence Python promises to keep.
Points = Callable[[int, int, Random], Iterator[Sequence[float]]]

_AT_ONCE = 256


def random_points(axes: int, _wanted: int, draw: Random) -> Iterator[Sequence[float]]:
    """Yield points drawn evenly, each by itself."""
    while True:
        yield [draw.random() for _ in range(axes)]


def latin_points(axes: int, wanted: int, draw: Random) -> Iterator[Sequence[float]]:
    """Yield latin hypercubes one after the other, each of as many points as are wanted.

    Within one, every axis is divided into as many equal parts, and each part holds one point.

    Source: M. D. McKay, R. J. Beckman and W. J. Conover, A Comparison of Three Methods for
    Selecting Values of Input Variables, 1979.
    """
    while True:
        columns = [_shuffled(wanted, draw) for _ in range(axes)]
        for row in zip(*columns, strict=True):
            yield [(part + draw.random()) / wanted for part in row]


def _shuffled(count: int, draw: Random) -> list[int]:
    parts = list(range(count))
    for last in range(count - 1, 0, -1):
        other = int(draw.random() * (last + 1))
        parts[last], parts[other] = parts[other], parts[last]
    return parts


def sobol_points(axes: int, _wanted: int, draw: Random) -> Iterator[Sequence[float]]:
    """Yield a Sobol' sequence, shifted at random digit by digit, which keeps it evenly spread."""
    shift = np.array([int(draw.random() * (1 << BITS)) for _ in range(axes)], dtype=np.uint64)
    first = 0
    while first < 1 << BITS:
        numbers = sobol_numbers(axes, first, _AT_ONCE) ^ shift
        # The middle of each cell, so that no point lies on 0.
        yield from ((numbers + 0.5) / (1 << BITS)).tolist()
        first += _AT_ONCE
