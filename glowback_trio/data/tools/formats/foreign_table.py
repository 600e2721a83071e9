"""The rows of one symbol as a file from elsewhere has them, and what was found on the way."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.rows import Rows
from glowback_trio.data.tools.formats.vendor import Vendor
from glowback_trio.model.bars import Floats
from glowback_trio.model.request import Resolution

__all__ = ["NO_VOLUME", "QUOTED", "Actions", "ForeignPrices", "ImportOptions"]

NO_VOLUME = "no column of volumes: they are recorded as unknown"
QUOTED = "prices are as quoted; --adjusted takes the adjusted closes"


@frozen
class ImportOptions:
    """The user's statements about the files.

    Attributes:
        column_names: The file's names of columns by role, such as `close`.
        symbol: The symbol; None: that of the column of symbols, else that in the file's name.
        resolution: The length of a bar; None: infer it from the spacing of the rows.
        format: The name of a vendor's format; None: recognise it.
        timezone: The zone of the market, whose clock times without an offset show; None: the
            vendor's, else UTC.
        day_first: Whether 03/04/2023 is 3 April; None: the vendor or the column shows it.
        adjusted: True to scale the prices to the column of adjusted closes.
        limits: How much a file may hold.
    """

    column_names: dict[str, str] = field(factory=dict)
    symbol: str | None = None
    resolution: Resolution | None = None
    format: str | None = None
    timezone: str | None = None
    day_first: bool | None = None
    adjusted: bool = False
    limits: FileLimits = DEFAULT_LIMITS


@frozen(eq=False)
class Actions:
    """Columns of splits and dividends, in the order of the rows.

    Attributes:
        dividend: Paid per share on the day of the row, (R,) float64; 0: none.
        split: Shares for each one held before the day of the row, (R,) float64; 0 or 1: no split.
        already_adjusted: Whether the prices are adjusted for all of them.
    """

    dividend: Floats = field(repr=False)
    split: Floats = field(repr=False)
    already_adjusted: bool

    def take(self, which: NDArray[np.int64]) -> Actions:
        """Return those of some rows."""
        return Actions(self.dividend[which], self.split[which], self.already_adjusted)


@frozen(eq=False)
class ForeignPrices:
    """The rows of one symbol.

    Attributes:
        rows: The rows, in the order of the file.
        vendor: The format they were read as.
        actions: Splits and dividends; None if the file has no columns of them.
        notes: What a user should know about how they were read, as sentences.
    """

    rows: Rows
    vendor: Vendor
    actions: Actions | None = None
    notes: tuple[str, ...] = ()
