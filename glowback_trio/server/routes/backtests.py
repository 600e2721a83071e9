"""Backtests over HTTP: asked for, looked at, cancelled, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from attrs import frozen
from quart import request

from glowback_trio.actors import Gateway, Run
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, Ge, Le
from glowback_trio.model.stream_protocol import StateName
from glowback_trio.server.http.parameters import located
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import prefix
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.idempotency import FirstResponse, idempotency_key
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import parse_request
from glowback_trio.wire.statuses import status_document

__all__ = [
    "ListQuery",
    "backtest_status",
    "cancel_backtest",
    "create_backtest",
    "delete_backtest",
    "list_backtests",
    "pause_backtest",
    "resume_backtest",
]


@frozen(kw_only=True)
class ListQuery(Checked):
    """Which runs to list.

    Attributes:
        state: Only runs in this state.
        limit: At most so many.
        before: Only runs that are older than this one.
    """

    state: StateName | None = None
    limit: Annotated[int, Ge(1), Le(200)] = 50
    before: str | None = None


async def create_backtest(app_state: AppState, document: object) -> Response:
    """Start a backtest.

    Everything that can be known before the run is checked first, with all complaints at once. With
    an `Idempotency-Key` a repeated request is given the first answer instead of a second run, for
    24 hours.
    """
    client, key = presented_key(request.headers) or "", idempotency_key(request.headers)
    with located("body"):
        asked = parse_request(document, app_state.converter)
    first = app_state.idempotency.find(client, key, asked) if key else None
    if first is None:
        with located("body"):
            run = app_state.submit(asked)
        first = FirstResponse(run.run_id, dumps(status_document(run.status)))
        if key:
            app_state.idempotency.keep(client, key, asked, first)
    location = f"{prefix(request.path)}/backtests/{first.run_id}"
    return json_response(first.body, 201, {"Location": location})


async def list_backtests(app_state: AppState, query: ListQuery) -> Response:
    """List backtests, newest first.

    When there are more, a `Link` with `rel="next"` leads on.
    """
    matching = [
        run
        for run in _older(app_state.gateway, query.before)
        if query.state is None or run.status.state == query.state
    ]
    page = matching[: query.limit]
    headers = {"Link": _next_page(query, page[-1])} if len(matching) > len(page) else {}
    return json_response([status_document(run.status) for run in page], headers=headers)


def _older(gateway: Gateway, before: str | None) -> Sequence[Run]:
    runs = gateway.runs()
    if before is None:
        return runs
    for index, run in enumerate(runs, start=1):
        if run.run_id == before:
            return runs[index:]
    problem = Problem("not_found", ("query", "before"), "Input should be a known run_id", before)
    raise InvalidRequestError([problem])


def _next_page(query: ListQuery, last: Run) -> str:
    state = {} if query.state is None else {"state": query.state}
    parameters = urlencode({**state, "limit": query.limit, "before": last.run_id})
    return f'<{prefix(request.path)}/backtests?{parameters}>; rel="next"'


def backtest_status(app_state: AppState, run_id: str) -> Response:
    """Tell where a backtest stands."""
    return json_response(status_document(app_state.gateway.run(run_id).status))


async def cancel_backtest(app_state: AppState, run_id: str) -> Response:
    """Cancel a backtest; on one that has ended this changes nothing."""
    run = app_state.gateway.run(run_id)
    if run.finished:
        return json_response(status_document(run.status))
    run.cancel("cancelled by a client")
    return json_response(status_document(run.status), 202)


async def pause_backtest(app_state: AppState, run_id: str) -> Response:
    """Hold a backtest: it tells nothing more until it is resumed. Leaves no trace in its log."""
    run = app_state.gateway.run(run_id)
    run.pause()
    return json_response(status_document(run.status))


async def resume_backtest(app_state: AppState, run_id: str) -> Response:
    """Let a held backtest go on where it was; on any other this changes nothing."""
    run = app_state.gateway.run(run_id)
    run.resume()
    return json_response(status_document(run.status))


async def delete_backtest(app_state: AppState, run_id: str) -> Response:
    """Forget a backtest, its events and its result; it is cancelled first if need be."""
    app_state.gateway.delete(run_id)
    return Response(b"", 204)
