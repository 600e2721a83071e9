"""The routes of prices, as part of the table of all routes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from glowback_trio.server.http.route import ResponseSpec, Route
from glowback_trio.server.openapi.documents import DatasetDocument
from glowback_trio.server.openapi.price_documents import (
    BarsDocument,
    PreviewDocument,
    QualityDocument,
    UploadDocument,
)
from glowback_trio.server.routes import discovery
from glowback_trio.server.routes.prices import bars, quality, uploads

__all__ = ["PRICE_ROUTES"]

_route = partial(Route, method="GET", tag="discovery")
_UNREADABLE = "The bars cannot be read any more."
_UNKNOWN = "There are no such prices."
_OFF = "Uploads are switched off, or a page of another origin sent it to a server without keys."
_upload = partial(
    Route,
    method="POST",
    tag="discovery",
    files=uploads.UPLOAD_TYPES,
    limit="max_upload_bytes",
    switch="allow_upload",
)

PRICE_ROUTES: Sequence[Route] = (
    _route(
        path="/backtests/{run_id}/bars",
        tag="backtests",
        handler=bars.backtest_bars,
        query=bars.BarsQuery,
        responses={200: ResponseSpec("The bars.", BarsDocument)},
        errors={409: _UNREADABLE},
    ),
    _route(
        path="/datasets",
        handler=discovery.list_datasets,
        responses={200: ResponseSpec("The datasets.", list[DatasetDocument])},
    ),
    _upload(
        path="/datasets",
        handler=uploads.upload_dataset,
        query=uploads.UploadQuery,
        responses={201: ResponseSpec("The dataset, and what is wrong with it.", UploadDocument)},
        errors={
            403: f"{_OFF} Or there is no data directory that the server may write into.",
            409: "There are such prices already.",
            415: "The request body is compressed, or neither CSV nor Parquet.",
            503: "The file cannot be written.",
        },
    ),
    _upload(
        path="/datasets/preview",
        handler=uploads.preview_dataset,
        query=uploads.PreviewQuery,
        responses={200: ResponseSpec("What the file seems to hold.", PreviewDocument)},
        errors={
            403: _OFF,
            415: "The request body is compressed, or neither CSV nor Parquet.",
        },
    ),
    _route(
        path="/datasets/{symbol}/bars",
        handler=bars.dataset_bars,
        query=bars.DatasetBarsQuery,
        responses={200: ResponseSpec("The bars.", BarsDocument)},
        errors={404: _UNKNOWN, 409: _UNREADABLE},
    ),
    _route(
        path="/datasets/{symbol}/quality",
        handler=quality.dataset_quality,
        query=quality.QualityQuery,
        responses={200: ResponseSpec("The report.", QualityDocument)},
        errors={404: _UNKNOWN},
    ),
)
