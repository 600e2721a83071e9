"""Import prices from elsewhere, and inspect a directory of price files.

Belongs here: work on price files that no run needs, as functions that print nothing.
Never here: what a run needs to load its bars, printing, options of the command line.
May be imported by: `cli`, through the names below.
"""

from glowback_trio.data.files.columns import RENAMEABLE
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.tools.formats.foreign_table import ImportOptions
from glowback_trio.data.tools.formats.vendors import VENDORS
from glowback_trio.data.tools.importing import ImportedPrices, merged, read_prices
from glowback_trio.data.tools.inspection import FileReport, Inspection
from glowback_trio.data.tools.writing import (
    factors_path,
    target_path,
    write_factors_file,
    write_prices,
)

__all__ = [
    "RENAMEABLE",
    "VENDORS",
    "FileReport",
    "ImportOptions",
    "ImportedPrices",
    "Inspection",
    "PriceDirectory",
    "factors_path",
    "merged",
    "read_prices",
    "target_path",
    "write_factors_file",
    "write_prices",
]
