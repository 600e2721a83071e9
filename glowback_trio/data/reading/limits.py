"""The limits of one file, by what it holds and not by its size: compression hides gigabytes."""

from __future__ import annotations

from attrs import fields, frozen

from glowback_trio.errors import DataError

__all__ = ["DEFAULT_LIMITS", "FileLimits"]

_UNITS = {
    "max_file_rows": "rows",
    "max_file_bytes": "bytes when decoded",
    "max_file_columns": "columns",
    "max_line_bytes": "bytes",
    "max_metadata_bytes": "bytes of metadata",
}


@frozen(kw_only=True)
class FileLimits:
    """How much one price file may hold. A file beyond a limit is refused by name.

    Attributes:
        max_file_rows: The most rows.
        max_file_bytes: The most bytes that the columns in use take once they are decoded, and the
            most bytes that a compressed file gives.
        max_file_columns: The most columns, those that are not used included.
        max_line_bytes: The most bytes in a line of text, or in a record that spans lines.
        max_metadata_bytes: The most bytes of metadata in a Parquet file, or in `provenance.json`.
    """

    max_file_rows: int = 20_000_000
    max_file_bytes: int = 2 << 30
    max_file_columns: int = 1_000
    max_line_bytes: int = 1 << 20
    max_metadata_bytes: int = 8 << 20

    def check(self, where: str, limit: str, amount: int, *, at_least: bool = False) -> None:
        """Check an amount.

        Args:
            where: The file, and the place in it.
            limit: The name of a limit.
            amount: What the file holds.
            at_least: True if it may hold more, because reading stopped there.

        Raises:
            DataError: It is beyond the limit. The message names the limit and both numbers.
        """
        if amount > (most := getattr(self, limit)):
            least = "at least " * at_least
            raise DataError(
                f"{where} has {least}{amount:,} {_UNITS[limit]}; the limit {limit} is {most:,}"
            )


DEFAULT_LIMITS = FileLimits()

assert set(_UNITS) == {row.name for row in fields(FileLimits)}, "each limit has a unit"
