"""Finished runs as exports, and exports with one thing changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import trio
from attrs import asdict, evolve

from glowback_trio import (
    BacktestRequest,
    Execution,
    InlineCompute,
    MaCrossover,
    Run,
    open_gateway,
)
from glowback_trio.data import Source
from glowback_trio.model.events import Event, encode
from glowback_trio.model.invariants import Digest
from glowback_trio.wire.exports.run_export import RunExport, read_export, write_export
from glowback_trio.wire.requests import request_document

__all__ = ["REQUEST", "export_of", "file_of", "finished_export", "with_events"]

REQUEST = BacktestRequest(
    symbols=["AAPL", "SPY"],
    start_date="2024-01-01",
    end_date="2024-03-01",
    strategy=MaCrossover(short_period=3, long_period=8),
    execution=Execution(commission_bps=2.0),
)


def finished_export(
    request: BacktestRequest = REQUEST, data: Source | str = "sample", run_id: str = "run-1"
) -> RunExport:
    """Carry out a run, and export it."""

    async def carry_out() -> RunExport:
        async with open_gateway(
            data=data,
            compute=InlineCompute(),
            clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            new_id=lambda: run_id,
        ) as gateway:
            run = gateway.submit(request)
            await run.wait_finished()
            return export_of(run)

    return trio.run(carry_out)


def export_of(run: Run) -> RunExport:
    """Export a finished run whose log and result are in memory."""
    result = run.result() if run.status.state == "completed" else None
    lines = b"".join(event.data + b"\n" for event in run.events(0, 10**9))
    labels = asdict(run.status.labels)
    return RunExport(run.run_id, request_document(run.request), lines, result, labels=labels)


def file_of(export: RunExport) -> bytes:
    """The file of an export, with its sums right, whatever the export says."""
    return write_export(export)


def with_events(export: RunExport, changes: Mapping[int, Mapping[str, Any]]) -> RunExport:
    """The export with other payloads, by event id, and with the digest of its log right again."""
    digest, events = Digest(), []
    for event in export.events:
        fields = event.decode()
        payload = {**fields["payload"], **changes.get(event.event_id, {})}
        if "digest" in payload:
            payload["digest"] = str(digest)
        written = orjson.dumps(payload)
        made = encode(event.event_id, export.run_id, event.type, fields["timestamp"], written)
        digest.add(made.data)
        events.append(made)
    return read_export(file_of(evolve(export, lines=_lines(events))))


def _lines(events: list[Event]) -> bytes:
    return b"".join(event.data + b"\n" for event in events)
