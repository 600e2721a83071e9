"""The difference of two logs: the first event at which they part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio
from attrs import frozen

from glowback_trio.actors import Run, Subscription
from glowback_trio.errors import InvalidRequestError, Problem, UnknownRunError
from glowback_trio.model.bounds import Checked
from glowback_trio.model.events import Event
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.store.run_filter import Word

__all__ = ["DifferenceQuery", "backtest_difference"]

# Some milliseconds of a thread.
_COMPARED_AT_ONCE = 2048
_PAYLOAD = b'"payload":'


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
    there = await _first_difference(run, other, app_state.threads)
    named = [each for each in there if each is not None]
    document = {
        "equal": not named,
        "events": counts,
        "at": named[0].event_id if named else None,
        "events_there": [None if each is None else each.decode() for each in there],
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


async def _first_difference(
    run: Run, other: Run, threads: trio.CapacityLimiter
) -> tuple[Event | None, Event | None]:
    """Return the events at which two logs part; None for a log that is at its end by then."""
    logs = run.subscribe(), other.subscribe()
    while True:
        one, two = [await _next(log) for log in logs]
        index = await trio.to_thread.run_sync(_parting, one, two, limiter=threads)
        if index < max(len(one), len(two)):
            return _at(one, index), _at(two, index)
        if not one:
            return None, None


async def _next(log: Subscription) -> list[Event]:
    events: list[Event] = []
    while log.behind and len(events) < _COMPARED_AT_ONCE:
        events += await log.read_stored(_COMPARED_AT_ONCE - len(events))
    return events


def _at(events: Sequence[Event], index: int) -> Event | None:
    return events[index] if index < len(events) else None


def _parting(one: Sequence[Event], two: Sequence[Event]) -> int:
    """Return the index of the first events that differ; the shorter length if there are none."""
    for index, (left, right) in enumerate(zip(one, two, strict=False)):
        if left.type != right.type or _told(left) != _told(right):
            return index
    return min(len(one), len(two))


def _told(event: Event) -> Any:
    if event.type == "state":
        return {name: value for name, value in event.payload.items() if name != "digest"}
    return event.data[event.data.index(_PAYLOAD) :]
