"""Results over HTTP: one JSON document, or single tables for spreadsheets and data frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from attrs import field, frozen
from werkzeug.http import dump_options_header

from glowback_trio.actors import Run
from glowback_trio.engine.reporting.result_document import (
    BLOCKS,
    LEAST_POINTS,
    BlockName,
    equity_table,
    order_table,
    result_chunks,
    trade_table,
)
from glowback_trio.extras import PARQUET
from glowback_trio.model.bounds import Checked, Ge, Le, MinLen
from glowback_trio.model.result import Result
from glowback_trio.model.sessions.window import Window, ends_after_beginning
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.responses import JSON, Response
from glowback_trio.server.pipeline.rendered_body import rendered_response
from glowback_trio.server.routes.events import NDJSON
from glowback_trio.server.routes.parquet import parquet_chunks
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.renderings import Draft
from glowback_trio.store.run_filter import Since, Until, as_instant, as_last_instant
from glowback_trio.store.sizes import result_bytes
from glowback_trio.wire.tables import Chunks, Table, csv_chunks, joined, ndjson_chunks

__all__ = [
    "FORMS",
    "ResultsQuery",
    "backtest_results",
    "export_equity",
    "export_orders",
    "export_trades",
]


@frozen(kw_only=True)
class ResultsQuery(Checked):
    """Which parts of a result to return.

    Attributes:
        include: Only these blocks, a comma-separated list; the others are empty. `overfit` is one,
            though it is no part of the result: it changes whenever somebody looks again.
        max_points: Downsample the curves to at most this many bars, the same bars in each curve.
            The first and the last bar are kept; between them, each of many equal intervals keeps
            the bars where value, drawdown and exposures are lowest and highest.
        from_: Of curves, fills, orders and constraint hits, only rows at this time or later; a date
            means its first instant in UTC. Curves are thinned after they are cut, so a window has
            more of their bars.
        to: Only rows at this time or earlier; a date means its last instant in UTC.
    """

    __checks__ = (ends_after_beginning,)

    include: Annotated[tuple[Literal[BlockName, "overfit"], ...], MinLen(1)] | None = None
    max_points: Annotated[int, Ge(LEAST_POINTS), Le(100_000)] | None = None
    from_: Since | None = field(default=None, converter=as_instant)
    to: Until | None = field(default=None, converter=as_last_instant)

    @property
    def window(self) -> Window:
        """The window between `from` and `to`."""
        return Window(self.from_, self.to)


@frozen
class Form:
    """A file format for tables.

    Attributes:
        media: Its media type.
        write: Encodes a table, chunk by chunk.
    """

    media: str
    write: Callable[[Table], Chunks]


#: The formats of a table, by file extension.
FORMS: Mapping[str, Form] = {
    "csv": Form("text/csv", csv_chunks),
    "ndjson": Form(NDJSON, ndjson_chunks),
    "parquet": Form("application/vnd.apache.parquet", parquet_chunks),
}


async def backtest_results(app_state: AppState, run_id: str, query: ResultsQuery) -> Response:
    """Return the result of a completed backtest.

    `overfit` says how far to trust its Sharpe ratio, by the number of trials that anyone has made
    of this strategy on these bars; it is no part of what a verification compares. The result is
    written as a whole before the first byte is sent, and then sent as fast as it is read.
    """
    run, ledger = app_state.gateway.run(run_id), app_state.gateway.ledger
    blocks = None if query.include is None else [each for each in BLOCKS if each in query.include]

    async def draft() -> Draft:
        result = await run.load_result()
        overfit: Mapping[str, Any] = {}
        if query.include is None or "overfit" in query.include:
            overfit = await ledger.doubts(run.request, result)
        chunks = result_chunks(
            result,
            run_id,
            include=blocks,
            max_points=query.max_points,
            window=query.window,
            aside={"overfit": overfit},
        )
        return Draft(chunks, result_bytes(result))

    key = (*_identity(run), query, await ledger.head())
    return await rendered_response(app_state.renderings, key, draft, JSON)


def _identity(run: Run) -> tuple[object, ...]:
    """Return what tells a run apart, even from a later one with its id."""
    return run.run_id, run.status.created_at


async def export_equity(app_state: AppState, run_id: str, form: str) -> Response:
    """Return the equity curve, one row per bar, as `csv`, `ndjson` or `parquet`.

    The rows are those of `equity_curve` in the result. CSV leaves undefined values empty. CSV and
    NDJSON write numbers with every digit needed to read the same number back, and each NDJSON line
    is byte for byte a row of the result. Parquet stores times and numbers natively.
    """
    return await _export(app_state, run_id, "equity", equity_table, form)


async def export_trades(app_state: AppState, run_id: str, form: str) -> Response:
    """Return the fills, one row each, as `csv`, `ndjson` or `parquet`.

    The rows are those of `trades` in the result.
    """
    return await _export(app_state, run_id, "trades", trade_table, form)


async def export_orders(app_state: AppState, run_id: str, form: str) -> Response:
    """Return the order events, one row each, as `csv`, `ndjson` or `parquet`.

    The rows are those of `order_events` in the result.
    """
    return await _export(app_state, run_id, "orders", order_table, form)


async def _export(
    app_state: AppState, run_id: str, name: str, table_of: Callable[[Result], Table], form: str
) -> Response:
    # The parameter is part of the path, so a wrong one is 404 and not 422.
    if form not in FORMS:
        raise HttpError(404, f"Not Found: a table is had as {', '.join(FORMS)}, not {form!r:.100}")
    run = app_state.gateway.run(run_id)
    if form == "parquet" and not PARQUET.is_installed:
        await run.load_result()  # 404 and 409 say more than 501
        raise HttpError(501, f"On this server, {PARQUET.advice}", code="unavailable")

    async def draft() -> Draft:
        result = await run.load_result()
        return Draft(joined(FORMS[form].write(table_of(result))), result_bytes(result))

    named = {"filename": f"{name}-{run_id}.{form}"}
    headers = {"Content-Disposition": dump_options_header("attachment", named)}
    key = (*_identity(run), name, form)
    return await rendered_response(app_state.renderings, key, draft, FORMS[form].media, headers)
