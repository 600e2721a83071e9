"""Runs between servers over HTTP: a finished run as one file, and whether it is still the same."""

from __future__ import annotations

from functools import partial

import trio
from quart import request
from werkzeug.http import dump_options_header

from glowback_trio.errors import GatewayClosedError
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import prefix
from glowback_trio.server.pipeline.rendered_body import rendered_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.renderings import Draft
from glowback_trio.store.sizes import result_bytes
from glowback_trio.wire.exports.run_export import (
    MEDIA_TYPE,
    RunExport,
    export_pieces,
    read_export,
)
from glowback_trio.wire.exports.verdict import verdict_document
from glowback_trio.wire.statuses import status_document
from glowback_trio.wire.tables import Chunks

__all__ = ["export_backtest", "import_backtest", "verify_backtest"]

_CHUNK = 1 << 18


async def export_backtest(app_state: AppState, run_id: str) -> Response:
    """Return a finished backtest as one file: request, events and result, under one SHA-256.

    `POST /imports` of another server takes it.
    """
    run = app_state.gateway.run(run_id)

    async def draft() -> Draft:
        export = await app_state.gateway.export(run_id)
        return Draft(_chunks(export), len(export.lines) + result_bytes(export.result))

    named = {"filename": f"{run_id}.gbt"}
    headers = {"Content-Disposition": dump_options_header("attachment", named)}
    # Labels are part of an export, and change.
    status = run.status
    key = ("export", run_id, status.created_at, status.name, status.tags, status.note)
    return await rendered_response(app_state.renderings, key, draft, MEDIA_TYPE, headers)


def _chunks(export: RunExport) -> Chunks:
    for piece in export_pieces(export):
        for start in range(0, len(piece), _CHUNK):
            yield piece[start : start + _CHUNK]


async def import_backtest(app_state: AppState, file: bytes) -> Response:
    """Keep a finished backtest of another server, as the newest one, under its id.

    The body is what `GET /backtests/{run_id}/export` returns. The same backtest may be sent again.
    Its checksum, the laws of its log and the form of its result are checked; whether it is true
    says `POST /backtests/{run_id}/verify`.
    """
    if app_state.draining:
        raise GatewayClosedError("No runs are accepted: the server is shutting down")
    read = partial(read_export, file, app_state.settings.max_import_bytes)
    export = await trio.to_thread.run_sync(read, limiter=app_state.threads)
    run = await app_state.gateway.import_run(export)
    location = f"{prefix(request.path)}/backtests/{run.run_id}"
    return json_response(status_document(run.status), 201, {"Location": location})


async def verify_backtest(app_state: AppState, run_id: str) -> Response:
    """Compute a finished backtest again, and compare it with what is stored of it.

    Compared are, in this order: its log with the laws and its own digest, its request with the
    manifest, the bars of each symbol, every event but for its time, and every field of the result
    but for the version of the package. Of one that was cancelled, only what it had told is.
    """
    return json_response(verdict_document(await app_state.gateway.verify(run_id)))
