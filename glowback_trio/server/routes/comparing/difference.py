"""The difference of two logs: the first event at which they part."""

from __future__ import annotations

from attrs import frozen

from glowback_trio.actors import Run
from glowback_trio.errors import InvalidRequestError, Problem, UnknownRunError
from glowback_trio.model.bounds import Checked
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.store.run_filter import Word

__all__ = ["DifferenceQuery", "backtest_difference"]


@frozen(kw_only=True)
class DifferenceQuery(Checked):
    """Which other run to compare with.

    Attributes:
        with_: The id of the other run.
    """

    with_: Word | None = None


async def backtest_difference(app_state: AppState, run_id: str, query: DifferenceQuery) -> Response:
    """Return the first event at which the logs of two backtests part.

    Their ids and the times at which events were emitted are left out, and so are the digests in
    terminal events, which cover these. Of a run that has not ended the events so far are compared.
    """
    run, other = app_state.gateway.run(run_id), await _loaded(app_state, query.with_)
    counts = [each.status.event_count for each in (run, other)]
    found = await run.difference(other, app_state.threads)
    document = {
        "equal": found.equal,
        "events": counts,
        "at": found.at,
        "events_there": [None if each is None else each.decode() for each in found.there],
    }
    return json_response(document)


async def _loaded(app_state: AppState, run_id: str | None) -> Run:
    if run_id is None:
        raise InvalidRequestError([Problem("missing", ("query", "with"), "Field required")])
    try:
        return await app_state.gateway.load_run(run_id)
    except UnknownRunError:
        message = "Input should be the run_id of another run; GET /backtests lists those there are"
        problem = Problem("not_found", ("query", "with"), message, run_id)
        raise InvalidRequestError([problem]) from None
