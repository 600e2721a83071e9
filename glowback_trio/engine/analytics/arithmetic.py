"""Arithmetic whose last digit depends neither on numpy's version nor on the processor.

numpy's powers, logarithms and exponentials have variants for some processors, and they changed
between its versions; the C library's have not. So metrics take these. The order of additions in
`sum` and the results of `+ - * /` and `sqrt` are the same everywhere, while a matrix product (`@`)
adds up in an order of the processor's: products of metrics are multiplied and then summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from glowback_trio.model.bars import Floats, Indices

Numbers = Floats | float  # one for one curve, (K,) for K curves

__all__ = ["Numbers", "each", "over_each", "power", "unsigned"]


def power(base: Numbers, exponent: float) -> Numbers:
    """Return powers; NaN for a negative base, or where a result is too large for a float.

    Args:
        base: A number, or an array of any shape.
        exponent: Any number.
    """
    return each(lambda one: _power(one, exponent), base)


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except (ValueError, OverflowError):
        return math.nan


def each(function: Callable[[float], float], numbers: Numbers) -> Numbers:
    """Apply a function of one float to every number, and return them in the shape given."""
    if np.ndim(numbers) == 0:
        return function(float(numbers))
    array = np.asarray(numbers)
    found = np.fromiter(map(function, array.ravel().tolist()), float, array.size)
    return found.reshape(array.shape)


def unsigned(number: float) -> float:
    """Return a number as it is, but zero without a sign: minus nothing reads as a loss."""
    return number + 0.0


def over_each(values: Floats, count: Indices, *functions: np.ufunc) -> list[Floats]:
    """Reduce many stretches of values, each to the same last digit as if it were the only one.

    numpy adds up a stretch in an order that depends on its length. So those of the same length are
    laid one to a row, and the rows are reduced.

    Args:
        values: Stretch after stretch, (N,).
        count: The lengths of the stretches, (K,).
        functions: Such as `np.add`.

    Returns:
        (K,) for each function; 0.0 for an empty stretch.
    """
    found = [np.zeros(len(count)) for _ in functions]
    start = np.cumsum(count) - count
    order = np.argsort(count, kind="stable")
    lengths, first = np.unique(count[order], return_index=True)
    for length, some in zip(lengths.tolist(), np.split(order, first[1:]), strict=True):
        if length:
            rows = values[start[some][:, np.newaxis] + np.arange(length)]
            for function, reduced in zip(functions, found, strict=True):
                reduced[some] = function.reduce(rows, axis=1)
    return found
