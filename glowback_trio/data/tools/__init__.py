"""Import prices from elsewhere, and inspect a directory of price files.

Belongs here: work on price files that no run needs, as functions that print nothing.
Never here: what a run needs to load its bars, printing, options of the command line.
May be imported by: `cli`, through the names below.
"""

from glowback_trio.data.files.columns import RENAMEABLE
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.tools.importing import (
    ImportedPrices,
    read_prices,
    target_path,
    write_prices,
)
from glowback_trio.data.tools.inspection import FileReport, Inspection

__all__ = [
    "RENAMEABLE",
    "FileReport",
    "ImportedPrices",
    "Inspection",
    "PriceDirectory",
    "read_prices",
    "target_path",
    "write_prices",
]
