"""Backtests over HTTP: submit, list, inspect, pause, cancel and delete them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import trio
from attrs import asdict, field, frozen
from quart import request

from glowback_trio.actors import Run
from glowback_trio.errors import InvalidRequestError, Problem, UnknownRunError
from glowback_trio.model.bounds import Checked, Ge, Le
from glowback_trio.model.instant import stamp
from glowback_trio.model.labelling.labels import LabelChanges
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.request import BacktestRequest, Pace
from glowback_trio.model.stream_protocol import StateName
from glowback_trio.server.http.parameters import located
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import prefix
from glowback_trio.server.routes.submission import submission_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.idempotency import FirstResponse
from glowback_trio.store.run_filter import RunFilter, Since, Word, as_instant
from glowback_trio.wire.converter import Converter, Document
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import parse_request, request_document
from glowback_trio.wire.statuses import status_document

__all__ = [
    "ListQuery",
    "backtest_request",
    "backtest_status",
    "cancel_backtest",
    "create_backtest",
    "delete_backtest",
    "edit_backtest",
    "list_backtests",
    "pace_backtest",
    "pause_backtest",
    "resume_backtest",
]


@frozen(kw_only=True)
class ListQuery(Checked):
    """Which runs to list.

    Attributes:
        state: Only runs in this state.
        limit: The greatest number of runs to return.
        before: Only runs older than the run with this id.
        tag: Only runs with this tag.
        q: Only runs whose name, note or tags hold this text, in upper or lower case.
        search: Only runs in whose id, name, note, tags, strategy or symbols this text occurs, in
            upper or lower case.
        strategy: Only runs of the strategy with this name.
        symbol: Only runs with this symbol.
        since: Only runs that were queued at this time or later; a date means its first instant in
            UTC.
    """

    state: StateName | None = None
    limit: Annotated[int, Ge(1), Le(200)] = 50
    before: str | None = None
    tag: Word | None = None
    q: Word | None = None
    search: Word | None = None
    strategy: Word | None = None
    symbol: Word | None = None
    since: Since | None = field(default=None, converter=as_instant)

    @property
    def only(self) -> RunFilter:
        """The conditions as the gateway takes them."""
        return RunFilter(
            state=None if self.state is None else State(self.state),
            tag=self.tag,
            q=self.q,
            search=self.search,
            strategy=self.strategy,
            symbol=self.symbol,
            since=self.since,
        )


async def create_backtest(app_state: AppState, document: object) -> Response:
    """Start a backtest.

    The request is checked before the run starts. Problems of single fields are reported together, a
    rule between fields is checked only once its fields are valid, and symbols are looked up in the
    data last.

    With an `Idempotency-Key`, a request repeated within 24 hours gets the first response again
    and starts no second run. The response is sent once the run is as durable as `/readyz` says.
    """
    return await submission_response(app_state, document, _Backtests())


@frozen
class _Backtests:
    """Requests that begin runs."""

    path: str = "/backtests"

    def read(self, document: object, converter: Converter) -> BacktestRequest:
        return parse_request(document, converter)

    def write(self, requested: BacktestRequest) -> Document:
        return request_document(requested)

    async def check(self, app_state: AppState, requested: BacktestRequest) -> str | None:
        return await app_state.check(requested)

    def begin(
        self,
        app_state: AppState,
        requested: BacktestRequest,
        owner: str,
        key: str | None,
        fingerprint: str | None,
    ) -> FirstResponse:
        run = app_state.submit(requested, owner, key, fingerprint=fingerprint)
        return _first_response(run)

    async def find(
        self, app_state: AppState, key: str, max_age_s: float
    ) -> tuple[BacktestRequest, FirstResponse] | None:
        run = await app_state.gateway.find_key(key, max_age_s)
        return None if run is None else (run.request, _first_response(run))

    def begun(self, app_state: AppState, identity: str) -> Run | None:
        return app_state.gateway.run(identity) if app_state.gateway.holds(identity) else None

    def delete(self, app_state: AppState, identity: str) -> None:
        app_state.gateway.delete(identity)


def _first_response(run: Run) -> FirstResponse:
    """Return the response to the request that queued a run."""
    queued = Status.queued(run.run_id, run.request, run.status.created_at)
    return FirstResponse(run.run_id, dumps(status_document(queued)))


def _read_changes(document: object, converter: Converter) -> LabelChanges:
    with located("body"):
        return converter.structure(document, LabelChanges)


async def list_backtests(app_state: AppState, query: ListQuery) -> Response:
    """List backtests, newest first.

    A `Link` header with `rel="next"` points to the next page, if there is one.
    """
    try:
        # One more, to see whether there is a next page.
        found = await app_state.gateway.statuses(
            query.only, before=query.before, limit=query.limit + 1
        )
    except UnknownRunError:
        message = "Input should be a known run_id"
        problem = Problem("not_found", ("query", "before"), message, query.before)
        raise InvalidRequestError([problem]) from None
    page = found[: query.limit]
    headers = {"Link": _next_page(query, page[-1])} if len(found) > len(page) else {}
    return json_response([status_document(status) for status in page], headers=headers)


def _next_page(query: ListQuery, last: Status) -> str:
    same = {
        name: stamp(value) if isinstance(value, datetime) else value
        for name, value in asdict(query).items()
        if value is not None
    }
    parameters = urlencode({**same, "before": last.run_id})
    return f'<{prefix(request.path)}/backtests?{parameters}>; rel="next"'


def backtest_status(app_state: AppState, run_id: str) -> Response:
    """Return the status of a backtest."""
    return json_response(app_state.status_bodies.of(app_state.gateway.run(run_id).status))


def backtest_request(app_state: AppState, run_id: str) -> Response:
    """Return the request of a backtest, as it may be submitted again."""
    return json_response(request_document(app_state.gateway.run(run_id).request))


async def cancel_backtest(app_state: AppState, run_id: str) -> Response:
    """Cancel a backtest. Nothing changes if it has ended already."""
    run = app_state.gateway.run(run_id)
    if run.finished:
        return json_response(status_document(run.status))
    # 202, because the run ends a little later.
    run.cancel("cancelled by a client")
    return json_response(status_document(run.status), 202)


async def pause_backtest(app_state: AppState, run_id: str) -> Response:
    """Pause a backtest: it emits no events until resumed. Its log does not record the pause.

    The response is sent once the pause is as durable as `/readyz` says.
    """
    run = app_state.gateway.run(run_id)
    run.pause()
    await app_state.gateway.flush()
    return json_response(status_document(run.status))


async def resume_backtest(app_state: AppState, run_id: str) -> Response:
    """Resume a paused backtest. Nothing changes if it is not paused."""
    run = app_state.gateway.run(run_id)
    run.resume()
    await app_state.gateway.flush()
    return json_response(status_document(run.status))


async def pace_backtest(app_state: AppState, run_id: str, document: object) -> Response:
    """Set the pace of a backtest that has not ended, from now on. Its log does not record it.

    After a restart of the server the run has the pace of its request.
    """
    with located("body"):
        pace = app_state.converter.structure(document, Pace)
    run = app_state.gateway.run(run_id)
    run.set_pace(pace.bars_per_s)
    return json_response(status_document(run.status))


async def edit_backtest(app_state: AppState, run_id: str, document: object) -> Response:
    """Change a backtest's name, tags or note; a field that is missing or null stays as it is.

    They are no part of its events or its result, and may be changed before and after its end. The
    response is sent once the change is as durable as `/readyz` says.
    """
    changes = await trio.to_thread.run_sync(
        _read_changes, document, app_state.converter, limiter=app_state.readers
    )
    run = app_state.gateway.run(run_id)
    return json_response(status_document(await run.label(**asdict(changes))))


async def delete_backtest(app_state: AppState, run_id: str) -> Response:
    """Delete a backtest with its events and its result; a running one is cancelled first."""
    app_state.gateway.delete(run_id)
    await app_state.gateway.flush()
    return Response(b"", 204)
