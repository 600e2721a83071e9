"""Import prices from elsewhere, and inspect a directory of price files.

Belongs here: work on price files that no run needs, as functions that print nothing.
Never here: what a run needs to load its bars, printing, options of the command line.
May be imported by: `cli` and `server`, through the names below.
"""

from glowback_trio.data.files.columns import RENAMEABLE
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.tools.formats.foreign_table import ImportOptions
from glowback_trio.data.tools.formats.vendors import VENDORS
from glowback_trio.data.tools.importing import ImportedPrices, merged, read_prices
from glowback_trio.data.tools.inspection import FileReport, Inspection
from glowback_trio.data.tools.keeping import (
    for_uploads,
    kept_path,
    read_sound_prices,
    write_imported,
)
from glowback_trio.data.tools.preview import Preview, preview, unlike_guessed
from glowback_trio.data.tools.writing import (
    factors_path,
    price_file_name,
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
    "Preview",
    "PriceDirectory",
    "factors_path",
    "for_uploads",
    "kept_path",
    "merged",
    "preview",
    "price_file_name",
    "read_prices",
    "read_sound_prices",
    "target_path",
    "unlike_guessed",
    "write_factors_file",
    "write_imported",
    "write_prices",
]
