"""Import prices from elsewhere: read them in whatever format they have, check and merge them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from attrs import evolve, frozen

from glowback_trio.data.calendars.resolution import check_resolution, resolution_of
from glowback_trio.data.doubts import with_doubts
from glowback_trio.data.files.columns import shorten
from glowback_trio.data.files.factors import Factors, adjusted
from glowback_trio.data.reading.reader_errors import errors_named
from glowback_trio.data.reading.unchanged_file import check_unchanged, version_at_rest
from glowback_trio.data.rows import COLUMNS, Rows, clean
from glowback_trio.data.tools.corporate_actions import factors_of
from glowback_trio.data.tools.formats.foreign_table import ForeignPrices, ImportOptions
from glowback_trio.data.tools.formats.parquet_prices import read_parquet_prices
from glowback_trio.data.tools.formats.reading import read_text_prices
from glowback_trio.data.tools.formats.text_files import is_parquet
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.request import SYMBOL_RULE, Resolution

__all__ = ["ImportedPrices", "merged", "read_prices"]

_LOCAL = (
    "times are written without an offset: a run takes them in the time zone of its request, UTC "
    "unless it names one; --timezone names it now"
)


@frozen(eq=False)
class ImportedPrices:
    """One symbol's bars, ready to be written.

    Attributes:
        bars: The bars, sorted and without duplicates.
        quality: What was wrong with the rows that they were made from.
        resolution: The length of a bar; None if there are too few rows to infer it.
        format: The name of the format that the file was read as.
        source: The name of the file; of several, that of the first.
        is_local: True if the times are those of a clock whose zone is not known.
        factors: Adjustment factors; None if the file has no columns of splits and dividends.
        notes: What a user should know about how the file was read, as sentences.
    """

    bars: Bars
    quality: Quality
    resolution: Resolution | None
    format: str
    source: str
    is_local: bool = False
    factors: Factors | None = None
    notes: tuple[str, ...] = ()


def read_prices(path: Path, options: ImportOptions | None = None) -> Iterator[ImportedPrices]:
    """Read a file of prices from elsewhere, symbol by symbol.

    Args:
        path: A file of text in any of the formats of `formats.vendors`, compressed or not; an
            archive of them; or a Parquet file.
        options: What the user says about the file.

    Raises:
        DataError: The file cannot be read, holds too much, changes meanwhile, or has a bad cell, an
            invalid symbol, an impossible price or bars of another length.
    """
    options = options or ImportOptions()
    with errors_named(path.name):
        version = version_at_rest(path)
        read = read_parquet_prices if is_parquet(path) else read_text_prices
        for prices in read(path, options):
            yield _cleaned(prices, options)
        # It was read in several passes. Nobody uses its prices before this generator has ended.
        check_unchanged(path, version)


def merged(found: Iterable[ImportedPrices]) -> Sequence[ImportedPrices]:
    """Join the prices of one symbol from several files, as vendors split them by month or day.

    Prices of one symbol at several resolutions stay apart.

    Raises:
        DataError: Two files hold the same times, or there are too few rows to infer a resolution.
    """
    by_symbol = sorted(found, key=lambda one: one.bars.symbol)
    joined = []
    for symbol, group in groupby(by_symbol, key=lambda one: one.bars.symbol):
        parts = list(group)
        known = list(dict.fromkeys(one.resolution for one in parts if one.resolution))
        if len(known) > 1:
            joined += [_joined([p for p in parts if p.resolution == each]) for each in known]
            parts = [one for one in parts if one.resolution is None]
        if parts:
            joined.append(_joined(parts))
        if joined[-1].resolution is None or not _agree(joined[-1], parts):
            raise DataError(
                f"{parts[0].source}: too few rows of {symbol} to infer their resolution; "
                "give --resolution"
            )
    return joined


def _agree(joined: ImportedPrices, parts: list[ImportedPrices]) -> bool:
    """Return whether rows that were taken for days, each by itself, turned out to be days."""
    return joined.resolution == "day" or all(one.resolution for one in parts)


def _joined(parts: list[ImportedPrices]) -> ImportedPrices:
    first = parts[0]
    if len(parts) == 1:
        return first
    time = np.concatenate([one.bars.time for one in parts])
    order = np.argsort(time, kind="stable")
    if (same := np.diff(time[order]) == np.timedelta64(0, "ns")).any():
        again = int(order[np.argmax(same) + 1])
        ends = np.cumsum([len(one.bars) for one in parts])
        where = parts[int(np.searchsorted(ends, again, side="right"))].source
        raise DataError(
            f"{where}: more than one source holds {first.bars.symbol} at {str(time[again])[:19]}"
        )
    values = [np.concatenate([getattr(p.bars, name) for p in parts])[order] for name in COLUMNS]
    offset = np.concatenate([_offset(one.bars) for one in parts])[order]
    bars = Bars(first.bars.symbol, time[order], *values, offset=offset if offset.any() else None)
    return evolve(
        first,
        bars=bars,
        quality=_total([one.quality for one in parts]),
        resolution=first.resolution or resolution_of(bars.time),
        is_local=all(one.is_local for one in parts),
        factors=_joined_factors(parts),
        notes=tuple(dict.fromkeys(note for one in parts for note in one.notes)),
    )


def _offset(bars: Bars) -> np.ndarray[tuple[int], np.dtype[np.timedelta64]]:
    return np.zeros(len(bars), "m8[s]") if bars.offset is None else bars.offset


def _joined_factors(parts: list[ImportedPrices]) -> Factors | None:
    """Join the factors of files that follow each other: later ones apply to earlier bars too."""
    known = sorted((p for p in parts if p.factors), key=lambda one: one.bars.time[0])
    if len(known) < len(parts):
        return None
    dates, prices, splits = [], [], []
    price = split = 1.0
    for one in reversed(known):
        assert one.factors is not None, "parts without factors have been sorted out"
        dates.append(one.factors.date)
        prices.append(one.factors.price * price)
        splits.append(one.factors.split * split)
        price, split = (prices[-1][0], splits[-1][0]) if len(dates[-1]) else (price, split)
    return Factors(
        date=np.concatenate(dates[::-1]),
        price=np.concatenate(prices[::-1]),
        split=np.concatenate(splits[::-1]),
    )


def _total(parts: list[Quality]) -> Quality:
    counts = (
        "rows",
        "bars",
        "duplicate_timestamps",
        "invalid_ohlc_rows",
        "negative_volume_rows",
        "unsorted_rows",
    )
    return evolve(
        parts[0],
        **{name: sum(getattr(one, name) for one in parts) for name in counts},
        critical=tuple(finding for one in parts for finding in one.critical),
        warnings=tuple(finding for one in parts for finding in one.warnings),
    )


def _cleaned(prices: ForeignPrices, options: ImportOptions) -> ImportedPrices:
    rows = prices.rows
    if not re.fullmatch(SYMBOL_RULE.regex, rows.symbol):
        advice = SYMBOL_RULE.advice(rows.symbol) or "; give --symbol"
        raise DataError(
            f"{rows.source}: {shorten(rows.symbol)} is not a valid symbol{advice}; expected "
            f"{SYMBOL_RULE.meaning}"
        )
    zone = _zone(options.timezone or prices.vendor.zone)
    spacing = resolution_of(rows.time)
    length = options.resolution or spacing
    if length is not None:
        # Rows may be further apart than a resolution that the user gives, but not closer together.
        check_resolution(f"{rows.source} ({rows.symbol})", spacing, length, length)
    # A single row is that of a day if a clock of its market showed midnight.
    is_daily = length == "day" or (length is None and _at_midnight(rows.placed(zone, daily=False)))
    is_local = rows.stamps.is_local and zone is None and length not in ("day", None)
    placed = rows.placed(zone, daily=is_daily)
    # Many vendors write the newest row first, which is no fault of the rows.
    if (placed.time[1:] < placed.time[:-1]).all():
        placed = placed.take(slice(None, None, -1))
    bars, quality = clean(placed)
    factors = _factors(prices, rows.placed(zone, daily=is_daily), bars)
    # Splits that the file lists are no doubts.
    quality = with_doubts(adjusted(bars, factors, "splits") if factors else bars, quality)
    return ImportedPrices(
        bars=bars,
        quality=quality,
        resolution=length,
        format=prices.vendor.name,
        source=rows.source,
        is_local=is_local,
        factors=factors,
        notes=(*_notes(prices, is_local=is_local, is_daily=is_daily),),
    )


def _at_midnight(rows: Rows) -> bool:
    offset = rows.stamps.offset
    local = rows.time if offset is None else rows.time + offset
    return bool((local == local.astype("M8[D]")).all())


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(
            f"--timezone should be a time zone's name, such as America/New_York, not {name!r}"
        ) from None


def _factors(prices: ForeignPrices, placed: Rows, bars: Bars) -> Factors | None:
    if (actions := prices.actions) is None:
        return None
    if actions.already_adjusted:
        return factors_of(bars, placed.time[:0], actions.dividend[:0], actions.split[:0])
    return factors_of(bars, placed.time, actions.dividend, actions.split)


def _notes(prices: ForeignPrices, *, is_local: bool, is_daily: bool) -> Iterator[str]:
    yield from prices.notes
    if is_local:
        yield _LOCAL
    elif prices.vendor.zone and prices.rows.stamps.is_local and not is_daily:
        yield f"times are taken as those of {prices.vendor.zone}; --timezone names another zone"
    if prices.vendor.adjusted and prices.actions is not None:
        yield (
            f"prices are taken as adjusted already ({prices.vendor.note}); the factors file says "
            "that nothing is left to adjust"
        )
    elif prices.vendor.note and (is_local or not is_daily):
        yield prices.vendor.note
