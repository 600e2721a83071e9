"""Find the format of a file and where its columns are, from its first records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from glowback_trio.data.files.columns import shorten
from glowback_trio.data.tools.formats.roles import PRICES, plain, roles_of
from glowback_trio.data.tools.formats.text_records import Record
from glowback_trio.data.tools.formats.vendor import Vendor
from glowback_trio.data.tools.formats.vendors import PLAIN, VENDORS, vendor_by_name
from glowback_trio.errors import DataError

__all__ = ["Layout", "Part", "columns_by_role", "layout_of", "vendor_of_header"]

_NUMBER = re.compile(r"[+-]?[$€£¥]? ?\d[\d.,'\u2019 ]*([eE][+-]?\d+)?", re.ASCII)
_COUNT = re.compile(r"-?\d{9,19}(\.0*)?", re.ASCII)
_NUMBERS_OF_A_ROW = 4
_TIME_OF_DAY = re.compile(r"\d{1,2}:?\d\d(:?\d\d)?", re.ASCII)
_NEEDED = ("time", *PRICES)


@frozen
class Part:
    """The columns of one symbol: the indices of those for each role, the best first.

    Attributes:
        symbol: The symbol that the header names; None if it names none.
        columns: The indices by role.
    """

    symbol: str | None
    columns: Mapping[str, Sequence[int]]


@frozen
class Layout:
    """How a file is to be read.

    Attributes:
        vendor: Its format.
        names: The names of its columns; numbers from 1 if it has no header.
        skip: The number of records before the first row.
        above: The first line of text above the header; None if there is none.
        parts: The columns of each symbol.
    """

    vendor: Vendor
    names: tuple[str, ...]
    skip: int
    above: str | None
    parts: tuple[Part, ...]


def layout_of(
    source: str, sample: Sequence[Record], given: Vendor | None, column_names: Mapping[str, str]
) -> Layout:
    """Find the layout of a file.

    Args:
        source: The file's name.
        sample: Its first records.
        given: The format that the user names; None: find it.
        column_names: The file's names of columns that the user gives, by role.

    Raises:
        DataError: There are no columns for a time and four prices.
    """
    for index, record in enumerate(sample):
        above = " ".join(sample[0].cells) if index else None
        if (stacked := _stacked(sample[index : index + 3])) is not None:
            vendor = given or vendor_by_name("yfinance-download") or PLAIN
            return Layout(vendor, tuple(record.cells), index + 3, above, stacked)
        if _is_row(record.cells):
            before = sample[index - 1] if index else record
            if index and len(before.cells) == len(record.cells):
                # A header of which not one name is known: its order is not to be guessed.
                columns_by_role(f"{source}, line {before.line}", before.cells, column_names)
            return _without_header(source, sample[index:], index, above, given)
        if len(record.cells) > _NUMBERS_OF_A_ROW and not _is_text(record.cells, column_names):
            where = f"{source}, line {record.line}"
            columns = columns_by_role(where, record.cells, column_names)
            vendor = given or vendor_of_header(source, record.cells)
            names = tuple(name.strip() for name in record.cells)
            return Layout(vendor, names, index + 1, above, (Part(None, columns),))
    raise DataError(
        f"{source}: no row with a time and four prices, and no header of such columns; "
        f"line {sample[0].line} is {shorten(','.join(sample[0].cells), length=120)}"
    )


def columns_by_role(
    where: str, header: Sequence[str], column_names: Mapping[str, str]
) -> Mapping[str, Sequence[int]]:
    """Return the indices of the columns for each role.

    Raises:
        DataError: A column that is needed or that the user names is missing, or is there twice.
    """
    found = dict(roles_of(header))
    names = [name.strip().lower() for name in header]
    for role, theirs in column_names.items():
        if (name := theirs.strip().lower()) not in names:
            raise DataError(_missing(where, name, header))
        found[role] = [names.index(name)]
        # Named by the user, it holds the whole time.
        if role == "time":
            found.pop("time of day", None)
    for role in _NEEDED:
        if role not in found:
            advice = f"; if another one holds it, say --column {role}=NAME"
            raise DataError(_missing(where, role, header) + advice)
    for role in (*_NEEDED, "volume"):
        if role in found and names.count(names[found[role][0]]) > 1:
            raise DataError(f"{where}: column {names[found[role][0]]!r} appears more than once")
    return found


def vendor_of_header(source: str, header: Sequence[str]) -> Vendor:
    """Return the vendor whose columns a header has."""
    names = [plain(name) for name in header]
    stem = stem_of(source)
    for vendor in VENDORS:
        if vendor.wrote(names) and not (vendor.by_name and not vendor.symbol_of(stem)):
            return vendor
    return PLAIN


def stem_of(name: str) -> str:
    """Return the name of a file without its ending."""
    return re.sub(r"\.(csv|txt|tsv|parquet|dat|prn)$", "", name, flags=re.IGNORECASE)


def _missing(where: str, name: str, header: Sequence[str]) -> str:
    names = [each.strip() for each in header]
    return f"{where}: no column {name!r}; the header is {shorten(names, length=240)}"


def _is_text(cells: Sequence[str], column_names: Mapping[str, str]) -> bool:
    """Return whether a record is text above the header, although it has commas in it."""
    if {name.strip().lower() for name in column_names.values()} & {
        c.strip().lower() for c in cells
    }:
        return False
    return not {"close", "open", "high", "low"} & roles_of(cells).keys()


def _is_row(cells: Sequence[str]) -> bool:
    numbers = sum(bool(_NUMBER.fullmatch(cell.strip())) for cell in cells)
    return numbers >= _NUMBERS_OF_A_ROW


def _stacked(records: Sequence[Record]) -> tuple[Part, ...] | None:
    """Read the three header rows of yfinance: fields and tickers in either order, then `Date`."""
    if len(records) != 3 or len({len(record.cells) for record in records}) != 1:
        return None
    first, second, third = (record.cells for record in records)
    if third[0].strip().lower() not in {"date", "datetime"} or any(map(str.strip, third[1:])):
        return None
    fields = first if "close" in {plain(cell) for cell in first} else second
    tickers = second if fields is first else first
    parts = []
    for ticker in dict.fromkeys(tickers[1:]):
        places = [place for place in range(1, len(tickers)) if tickers[place] == ticker]
        roles = roles_of(["date", *(fields[place] for place in places)])
        columns = {
            role: [0 if index == 0 else places[index - 1] for index in indices]
            for role, indices in roles.items()
        }
        if not columns.keys() >= set(_NEEDED):
            return None
        parts.append(Part(ticker.strip(), columns))
    return tuple(parts)


def _without_header(
    source: str, rows: Sequence[Record], skip: int, above: str | None, given: Vendor | None
) -> Layout:
    """Find the order of the columns that the rows themselves allow."""
    width = len(rows[0].cells)
    for vendor in [given] if given else VENDORS:
        order = vendor.order if len(vendor.order) == width else vendor.order[:-1]
        if not vendor.order or len(order) != width:
            continue
        if not given and not _fits(vendor, source, rows):
            continue
        if _is_consistent(order, rows):
            columns: dict[str, list[int]] = {}
            for index, role in enumerate(order):
                columns.setdefault("time" if role == "date" else role, []).append(index)
            columns.pop("-", None)
            names = tuple(str(index + 1) for index in range(width))
            return Layout(vendor, names, skip, above, (Part(None, columns),))
    what = f"the order of columns of {given.name!r}" if given else "an order of columns that fits"
    raise DataError(
        f"{source}, line {rows[0].line}: no header, and not {what}; put a line with the names of "
        f"the columns above the rows: {shorten(','.join(rows[0].cells), length=120)}"
    )


def _fits(vendor: Vendor, source: str, rows: Sequence[Record]) -> bool:
    first, second = rows[0].cells[:2]
    if vendor.by_name and not vendor.symbol_of(stem_of(source)):
        return False
    if vendor.counted and not _COUNT.fullmatch(first.strip()):
        return False
    return "time of day" not in vendor.order or bool(_TIME_OF_DAY.fullmatch(second.strip()))


def _is_consistent(order: Sequence[str], rows: Sequence[Record]) -> bool:
    """Return whether the highs are the highest and the lows the lowest of each row."""
    return all(_is_bar(order, row.cells) for row in rows if len(row.cells) == len(order))


def _is_bar(order: Sequence[str], cells: Sequence[str]) -> bool:
    prices = dict(_prices(order, cells))
    if len(prices) < len(PRICES):
        return True  # not a number: reading it gives the error
    return max(prices.values()) <= prices["high"] and min(prices.values()) >= prices["low"]


def _prices(order: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, float]]:
    for role, cell in zip(order, cells, strict=True):
        if role in PRICES:
            try:
                yield role, float(cell.replace(",", "."))
            except ValueError:
                return
