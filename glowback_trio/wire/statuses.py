"""Statuses of runs as documents."""

from __future__ import annotations

import attrs

from glowback_trio.model.instant import stamp
from glowback_trio.model.lifecycle import Headline, Status
from glowback_trio.wire.converter import Document, make_converter

__all__ = ["parse_status", "status_document"]

_KNOWN = frozenset(field.name for field in attrs.fields(Status))
_KNOWN_METRICS = frozenset(field.name for field in attrs.fields(Headline))
_CONVERTER = make_converter()


def status_document(status: Status) -> Document:
    """Write a status as a document."""
    return {
        "run_id": status.run_id,
        "state": status.state.value,
        "progress": status.progress,
        "created_at": stamp(status.created_at),
        "started_at": status.started_at and stamp(status.started_at),
        "finished_at": status.finished_at and stamp(status.finished_at),
        "error": status.error,
        "strategy": status.strategy,
        "symbols": list(status.symbols),
        "event_count": status.event_count,
        "paused": status.paused,
        "name": status.name,
        "tags": list(status.tags),
        "note": status.note,
        "metrics": status.metrics and attrs.asdict(status.metrics),
        "pace_bars_per_s": status.pace_bars_per_s,
    }


def parse_status(document: object) -> Status:
    """Read a status as `status_document` writes it; unknown fields are ignored.

    They come from servers newer than this client.

    Raises:
        InvalidRequestError: With every problem found.
    """
    if isinstance(document, dict):
        document = _only(document, _KNOWN)
        if isinstance(metrics := document.get("metrics"), dict):
            document["metrics"] = _only(metrics, _KNOWN_METRICS)
    return _CONVERTER.structure(document, Status)


def _only(document: Document, names: frozenset[str]) -> Document:
    return {name: value for name, value in document.items() if name in names}
