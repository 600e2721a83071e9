"""Price files that clients upload: looked at, then checked and kept in the data directory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import attrs
import trio
from attrs import evolve, frozen
from quart import request

from glowback_trio.data import Catalogue, FileLimits, demo_path
from glowback_trio.data.tools import (
    ImportedPrices,
    ImportOptions,
    for_uploads,
    kept_path,
    preview,
    price_file_name,
    read_sound_prices,
    unlike_guessed,
    write_imported,
)
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, MaxLen, MinLen
from glowback_trio.model.request import Resolution, Symbol
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.routes.prices.datasets import dataset_request
from glowback_trio.server.routes.prices.quality import quality_report
from glowback_trio.server.state.app_state import AppState

__all__ = ["UPLOAD_TYPES", "PreviewQuery", "UploadQuery", "preview_dataset", "upload_dataset"]

T = TypeVar("T")

_FORMS: Mapping[str, Literal["csv", "parquet"]] = {
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}
UPLOAD_TYPES = tuple(_FORMS)
_PARQUET = b"PAR1"
# gzip, bzip2, xz and zip, which `data import` unpacks.
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"PK\x03\x04")
# How many times as large as the largest upload a file may be once it is decoded.
_MOST_DECODED = 8
# Findings of which the file itself knows more than what was written of it.
_AS_SENT = (
    "rows",
    "duplicate_timestamps",
    "invalid_ohlc_rows",
    "negative_volume_rows",
    "unsorted_rows",
)

Column = Annotated[str, MinLen(1), MaxLen(200)]


@frozen(kw_only=True)
class PreviewQuery(Checked):
    """What a file is said to hold.

    Attributes:
        symbol: The symbol; left out, the file is looked at without one.
        resolution: Length of a bar; left out, the spacing of the rows shows it.
    """

    symbol: Symbol = "X"
    resolution: Resolution | None = None


@frozen(kw_only=True)
class UploadQuery(Checked):
    """What a file holds, and whether it may replace another one.

    Attributes:
        symbol: The symbol.
        resolution: Length of a bar.
        timestamp: Name of the column of times; left out, it is recognised, as the others are.
        open: Name of the column of opens.
        high: Name of the column of highs.
        low: Name of the column of lows.
        close: Name of the column of closes.
        volume: Name of the column of volumes.
        replace: Whether to replace the prices of this symbol and resolution that there are.
    """

    symbol: Symbol
    resolution: Resolution = "day"
    timestamp: Column | None = None
    open: Column | None = None
    high: Column | None = None
    low: Column | None = None
    close: Column | None = None
    volume: Column | None = None
    replace: bool = False

    @property
    def columns(self) -> Mapping[str, str]:
        """The names that are given, by role."""
        prices = {name: getattr(self, name) for name in ("open", "high", "low", "close", "volume")}
        given = {"time": self.timestamp, **prices}
        return {role: name for role, name in given.items() if name is not None}


async def preview_dataset(app_state: AppState, query: PreviewQuery, file: bytes) -> Response:
    """Show the first rows of a price file and which column is what; nothing is kept.

    The body is that of `POST /datasets`.
    """
    form = _form_of(file)

    def look(path: Path) -> dict[str, Any]:
        options = _options(app_state, query.symbol, query.resolution)
        try:
            return attrs.asdict(preview(path, options))
        except DataError as error:
            raise _refused(error) from None

    name = price_file_name(query.symbol, query.resolution or "day", form)
    seen = await _with_file(app_state, name, file, look)
    problems = list(map(for_uploads, seen["problems"]))
    mapping = {"timestamp": seen["mapping"].pop("time"), **seen["mapping"]}
    return json_response({**seen, "mapping": mapping, "problems": problems})


async def upload_dataset(app_state: AppState, query: UploadQuery, file: bytes) -> Response:
    """Check a price file as `glowback-trio data import` does, and keep it in the data directory.

    The body is CSV, in the format of any vendor that an import reads, or Parquet; never compressed.
    Prices with critical findings are refused, each finding being a problem. Runs see the prices at
    once.
    """
    form = _form_of(file)
    # Named as it will be kept, because findings name it.
    name = price_file_name(query.symbol, query.resolution, form)
    prices = await _with_file(app_state, name, file, partial(_keep, app_state, query, form))
    loaded = await dataset_request(app_state, query.symbol, query.resolution)
    limiter = app_state.uploads
    report = await trio.to_thread.run_sync(quality_report, app_state, loaded, limiter=limiter)
    report |= {name: getattr(prices.quality, name) for name in _AS_SENT}
    report["warnings"] = list(dict.fromkeys((*prices.quality.warnings, *report["warnings"])))
    source = app_state.gateway.source
    listed = await trio.to_thread.run_sync(source.datasets, limiter=app_state.listers)
    wanted = (query.symbol, query.resolution)
    dataset = next(each for each in listed if (each.symbol, each.resolution) == wanted)
    return json_response({"dataset": attrs.asdict(dataset), "report": report}, 201)


def _keep(
    app_state: AppState, query: UploadQuery, form: Literal["csv", "parquet"], path: Path
) -> ImportedPrices:
    directory = _directory(app_state)
    options = _options(app_state, query.symbol, query.resolution)
    try:
        named = unlike_guessed(path, query.columns, options.limits)
    except DataError as error:
        raise _refused(error) from None
    prices = read_sound_prices(path, evolve(options, column_names=named))
    try:
        kept = kept_path(directory, prices, query.resolution, form, replace=query.replace)
    except DataError as error:
        raise HttpError(409, for_uploads(str(error))) from None
    try:
        write_imported(kept, prices, overwrite=query.replace)
    except DataError as error:
        raise HttpError(503, str(error)) from None
    return prices


def _refused(error: DataError) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", ("body",), for_uploads(str(error)))])


def _directory(app_state: AppState) -> Path:
    """Return the directory that uploads are kept in.

    Raises:
        HttpError: 403: there is none, or it may not be written.
    """
    source = app_state.gateway.source
    root = source.root if isinstance(source, Catalogue) else None
    if root is None:
        raise HttpError(403, "This server has no data directory: serve with --data DIR")
    if root.resolve().is_relative_to(demo_path().resolve()):
        raise HttpError(403, "The prices of the package stay as they are: serve with --data DIR")
    if not os.access(root, os.W_OK | os.X_OK):
        raise HttpError(403, "The server may not write into its data directory")
    return root


def _options(app_state: AppState, symbol: str, resolution: Resolution | None) -> ImportOptions:
    source = app_state.gateway.source
    limits = source.file_limits if isinstance(source, Catalogue) else FileLimits()
    # Whoever may upload may not make the server take gigabytes.
    most = min(limits.max_file_bytes, _MOST_DECODED * app_state.settings.max_upload_bytes)
    limits = evolve(limits, max_file_bytes=most)
    return ImportOptions(symbol=symbol, resolution=resolution, limits=limits)


def _form_of(file: bytes) -> Literal["csv", "parquet"]:
    """Return the form of a body, which its type and its first bytes have to agree on.

    Raises:
        HttpError: 415: they do not, or it is compressed.
    """
    given = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    form = _FORMS.get(given)
    takes = f"Send it with Content-Type: {' or '.join(UPLOAD_TYPES)}"
    if form is None:
        raise HttpError(415, f"{takes}, not {given[:100]!r}")
    if file.startswith(_PACKED):
        raise HttpError(415, "Send the file uncompressed; glowback-trio data import unpacks files")
    if file.startswith(_PARQUET) != (form == "parquet"):
        raise HttpError(415, f"The file is not what {given} says. {takes}")
    return form


async def _with_file(app_state: AppState, name: str, data: bytes, work: Callable[[Path], T]) -> T:
    """Work in a thread on a file with the data, which is gone afterwards; one at a time."""

    def with_file() -> T:
        with tempfile.TemporaryDirectory(prefix="glowback-upload-") as directory:
            path = Path(directory) / name
            path.write_bytes(data)
            return work(path)

    return await trio.to_thread.run_sync(with_file, limiter=app_state.uploads)
