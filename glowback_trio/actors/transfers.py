"""Runs on their way between servers: exported, imported."""

from __future__ import annotations

import attrs
import orjson
import trio

from glowback_trio.actors.run import Run
from glowback_trio.errors import (
    DamagedError,
    InvalidTransitionError,
    LogError,
    NotReadyError,
    ResultUnavailableError,
    RunExistsError,
)
from glowback_trio.model.events import Event
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import State, fold
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.store import Store
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.exports.log_checks import check_log
from glowback_trio.wire.exports.packed_result import pack_result
from glowback_trio.wire.exports.run_export import MOST_BYTES, RunExport
from glowback_trio.wire.requests import parse_request, request_document

__all__ = ["check_same", "export_run", "import_export"]

_READ_AT_ONCE = 2048


async def export_run(run: Run) -> RunExport:
    """Return a finished run as an export.

    Raises:
        NotReadyError: It has not ended.
        ResultUnavailableError: It has more events than an export may have.
    """
    if not run.finished:
        raise NotReadyError("The run has not ended: it can be exported or verified once it has")
    parts, size, cursor = list[bytes](), 0, 0
    while events := await run.load_events(cursor, _READ_AT_ONCE):
        cursor = events[-1].event_id
        parts.append(b"".join([b"%b\n" % event.data for event in events]))
        size += len(parts[-1])
        if size > MOST_BYTES:
            raise ResultUnavailableError(
                f"The run's events have more than the {MOST_BYTES:,} bytes that an export may have"
            )
    completed = run.status.state is State.COMPLETED
    result = await run.load_result() if completed else None
    labels = attrs.asdict(run.status.labels)
    document = request_document(run.request)
    # Copying a hundred megabytes takes tens of milliseconds.
    lines = await trio.to_thread.run_sync(b"".join, parts)
    return RunExport(run.run_id, document, lines, result, labels=labels)


async def import_export(export: RunExport, store: Store, strategies: StrategyRegistry) -> None:
    """Check an export, and have a store keep it.

    Raises:
        DamagedError: Its log breaks a law, or does not belong to the rest.
        InvalidRequestError: Its request cannot be read, such as one whose strategy is unknown here.
        RunExistsError: A run has its id.
        StoreError: The store cannot be written at the moment.
    """
    request, events = await trio.to_thread.run_sync(_checked, export, strategies)
    own = attrs.asdict(request.labels)
    labels = Labels(**{name: export.labels.get(name, value) for name, value in own.items()})
    try:
        await store.import_run(export.run_id, request, events, export.result)
    finally:
        await _let_go(events)
    if labels != request.labels:
        store.label(export.run_id, labels)
        await store.flush()


async def _let_go(events: list[Event]) -> None:
    """Free events a few at a time: it takes nearly as long as making them, whoever does it."""
    while events:
        del events[-_READ_AT_ONCE:]
        await trio.lowlevel.checkpoint()


def _checked(
    export: RunExport, strategies: StrategyRegistry
) -> tuple[BacktestRequest, list[Event]]:
    """Return request and events. Takes tenths of a second for a long run."""
    try:
        events = check_log(export)
        request = parse_request(export.request, make_converter(strategies))
        fold(events, request)
    except (LogError, InvalidTransitionError) as error:
        raise DamagedError(f"The log of the export is not sound: {error}") from error
    return request, events


async def check_same(export: RunExport, kept: RunExport | None) -> None:
    """Check that two exports are the same run: request, events and result.

    Raises:
        RunExistsError: They are not.
    """
    if kept is None or not await trio.to_thread.run_sync(_are_same, export, kept):
        raise RunExistsError(export.run_id)


def _are_same(one: RunExport, other: RunExport) -> bool:
    return one.lines == other.lines and _packed(one) == _packed(other)


def _packed(export: RunExport) -> tuple[bytes, bytes]:
    request = orjson.dumps(export.request, option=orjson.OPT_SORT_KEYS)
    return request, b"" if export.result is None else pack_result(export.result)
