"""Reports of leak checks as documents."""

from __future__ import annotations

from typing import Any

import attrs

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.strategies.leak_report import ChangedDecision, LeakReport
from glowback_trio.wire.converter import Document

__all__ = ["leak_report_document", "parse_leak_report"]


def leak_report_document(report: LeakReport) -> Document:
    """Write a report as a document."""
    return {**attrs.asdict(report), "clean": report.clean, "message": report.sentence}


def parse_leak_report(document: Any) -> LeakReport:
    """Read a report as `leak_report_document` writes it; unknown fields are ignored.

    Raises:
        InvalidRequestError: It is none.
    """
    try:
        found = document["changed"]
        changed = None if found is None else ChangedDecision(**_known(ChangedDecision, found))
        return LeakReport(**{**_known(LeakReport, document), "changed": changed})
    except (KeyError, TypeError) as error:
        problem = Problem(
            "value_error", (), f"Input should be a report of a leak check ({error!r})"
        )
        raise InvalidRequestError([problem]) from None


def _known(cls: type[Any], document: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in attrs.fields(cls)}
    return {name: value for name, value in document.items() if name in names}
