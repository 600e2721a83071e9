"""Backtests over HTTP: submit, list, inspect, pause, cancel and delete them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

import trio
from attrs import asdict, field, frozen
from quart import request

from glowback_trio.errors import InvalidRequestError, Problem, StoreError, UnknownRunError
from glowback_trio.model.bounds import Checked, Ge, Le
from glowback_trio.model.instant import stamp
from glowback_trio.model.labelling.labels import LabelChanges
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.stream_protocol import StateName
from glowback_trio.server.http.parameters import located
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import prefix
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.idempotency import (
    FirstResponse,
    digest_of,
    idempotency_key,
    stored_key,
    stored_response,
)
from glowback_trio.store.run_filter import RunFilter, Since, Word, as_instant
from glowback_trio.wire.converter import Converter
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
    client, key = presented_key(request.headers) or "", idempotency_key(request.headers)
    # A request of a thousand symbols takes milliseconds to read and tens of them to check.
    requested, digest = await trio.to_thread.run_sync(
        _read, document, app_state.converter, limiter=app_state.readers
    )
    # Parsed requests are compared: their JSON may differ in order, spelling and defaults.
    first = await _first_response(app_state, client, key, requested, digest)
    if first is None:
        await app_state.check(requested, "body")
        # Meanwhile the same request may have come once more.
        first = await _first_response(app_state, client, key, requested, digest)
    if first is None:
        with located("body"):
            run = app_state.submit(requested, client, stored_key(client, key) if key else None)
        first = FirstResponse.to(run)
        if key:
            # Only a success is kept, so that a corrected request may use the same key.
            app_state.idempotency.keep(client, key, digest, first)
    await _wait_stored(app_state, first.run_id, client, key)
    location = f"{prefix(request.path)}/backtests/{first.run_id}"
    return json_response(first.body, 201, {"Location": location})


def _read(document: object, converter: Converter) -> tuple[BacktestRequest, bytes]:
    """Return a request, and the digest by which it is known again."""
    with located("body"):
        requested = parse_request(document, converter)
    return requested, digest_of(requested)


def _read_changes(document: object, converter: Converter) -> LabelChanges:
    with located("body"):
        return converter.structure(document, LabelChanges)


async def _first_response(
    app_state: AppState, client: str, key: str | None, requested: BacktestRequest, digest: bytes
) -> FirstResponse | None:
    """Return the first response to a request that is repeated; None if it is new.

    There is no wait between the last look and the return, so a second request finds the first.
    """
    if key is None:
        return None
    if (first := app_state.idempotency.find(client, key, digest)) is not None:
        return first
    if (kept := await stored_response(app_state.gateway, client, key, requested)) is not None:
        return kept
    return app_state.idempotency.find(client, key, digest)


async def _wait_stored(app_state: AppState, run_id: str, client: str, key: str | None) -> None:
    """Wait until a run is stored; where it cannot be, let it never have been.

    Raises:
        StoreError: It cannot be stored at the moment.
    """
    if not app_state.gateway.holds(run_id):
        return  # it was deleted, or has left memory for the store
    try:
        await app_state.gateway.run(run_id).wait_stored()
    except StoreError:
        if app_state.gateway.holds(run_id):
            app_state.gateway.delete(run_id)
        if key:
            app_state.idempotency.forget(client, key)
        raise


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
    return json_response(status_document(app_state.gateway.run(run_id).status))


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
