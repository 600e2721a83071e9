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

from glowback_trio.model.bars import Floats

Numbers = Floats | float  # one for one curve, (K,) for K curves

__all__ = ["Numbers", "each", "power", "unsigned"]


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
