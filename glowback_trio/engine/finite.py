"""Numbers beyond the range of an account: computed in silence, and found when a row is drawn.

A price of 1e300 or of 1e-300 is a fault in the data. It makes infinities in the midst of a
computation, which is let run to its end: `accounting.curve` then finds the first row that has one.
"""

from __future__ import annotations

import numpy as np

__all__ = ["LARGEST", "quiet"]

#: Equity, currency. Metrics square it, and the square has to stay far below 1e308.
LARGEST = 1e100

#: Makes a function compute without numpy's warnings; not for one that calls a custom strategy.
quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore")
