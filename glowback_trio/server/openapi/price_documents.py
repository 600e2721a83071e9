"""Typed dicts of the documents about prices; see `documents`."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from glowback_trio.model.bounds import Ge
from glowback_trio.model.request import Resolution
from glowback_trio.server.openapi.documents import DatasetDocument

__all__ = ["BarsDocument", "PreviewDocument", "QualityDocument", "UploadDocument"]

Count = Annotated[int, Ge(0)]


class BarsDocument(TypedDict):
    """Bars as rows of a chart, oldest first.

    Attributes:
        source: Where they come from; `sample`: they are generated.
        columns: What each row holds, in this order.
        rows: The rows: a time in RFC 3339, then four prices and the volume, which is null where it
            is not known.
        bars: How many bars lie in the window.
        per_row: How many of them are merged into a row; the last row may have fewer.
    """

    symbol: str
    resolution: Resolution
    source: Literal["default", "sample", "csv", "parquet", "memory"]
    columns: list[Literal["timestamp", "open", "high", "low", "close", "volume"]]
    rows: list[list[str | float | None]]
    bars: Count
    per_row: Annotated[int, Ge(1)]


class QualityDocument(TypedDict):
    """The quality of a dataset: rows that are wrong, and intervals that are missing.

    Attributes:
        source: Where the prices come from; null if they cannot be read.
        rows: Number of rows as written; the other counts are rows too, where they say nothing else.
        bars: Number of bars that the rows became.
        duplicate_timestamps: Rows that repeat the time of another one.
        missing_intervals: Bars that are missing; days, for a market that closes at night.
        invalid_ohlc_rows: Rows whose prices contradict each other.
        negative_volume_rows: Rows with a volume below zero.
        unsorted_rows: Rows earlier than the one before.
        critical: Findings that make results doubtful, as sentences with the first examples.
        warnings: Findings worth knowing, as sentences.
        adjustment: What the prices are adjusted for.
    """

    symbol: str
    resolution: Resolution
    source: Literal["default", "sample", "csv", "parquet", "memory"] | None
    rows: Count
    bars: Count
    duplicate_timestamps: Count
    missing_intervals: Count
    invalid_ohlc_rows: Count
    negative_volume_rows: Count
    unsorted_rows: Count
    critical: list[str]
    warnings: list[str]
    adjustment: Literal["none", "splits", "total"]


class UploadDocument(TypedDict):
    """The dataset that an uploaded file has become, and the report about its rows.

    Attributes:
        dataset: The dataset that it is now.
        report: What is wrong with the rows, as the file had them.
    """

    dataset: DatasetDocument
    report: QualityDocument


class ColumnsDocument(TypedDict):
    """The column of a file for each part of a bar; null where none is known."""

    timestamp: str | None
    open: str | None
    high: str | None
    low: str | None
    close: str | None
    volume: str | None


class PreviewDocument(TypedDict):
    """A look at a file of prices, of which nothing is kept.

    Attributes:
        format: The name of the format that it is read as; null if it cannot be read.
        columns: The names of its columns; numbers from 1 if it has no header.
        rows: The first rows, at most 20, as texts.
        mapping: Which column is what.
        problems: What is wrong with it, as sentences.
    """

    format: str | None
    columns: list[str]
    rows: list[list[str]]
    mapping: ColumnsDocument
    problems: list[str]
