"""The data by which a report is verified: its request, and digests of bars and results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from glowback_trio.errors import DamagedError, InvalidRequestError
from glowback_trio.reports.subjects import ReportedRun
from glowback_trio.version import VERSION
from glowback_trio.wire.exports.result_digests import result_digests
from glowback_trio.wire.json_text import dumps, parse_json

__all__ = ["FORM_VERSION", "PLACE", "checks_text", "read_checks", "run_checks"]

#: The version of the form of what is held.
FORM_VERSION = 1
#: The id of the element of a page that holds it.
PLACE = "glowback-manifest"

# Within a page, nothing of it may end the element that it stands in; within Markdown, its fence.
_ESCAPED = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&`\u2028\u2029"}
_IN_HTML = re.compile(rf'<script type="application/json" id="{PLACE}">(.*?)</script>', re.DOTALL)
_IN_MARKDOWN = re.compile(rf"^```json {PLACE}\n(.*?)\n```$", re.DOTALL | re.MULTILINE)


def run_checks(run: ReportedRun) -> Mapping[str, Any]:
    """Return what a verification of a run's report needs, as plain JSON values."""
    return {
        "report": FORM_VERSION,
        "kind": "run",
        "written_by": VERSION,
        "run_id": run.run_id,
        "labels": dict(run.labels),
        "overfit": dict(run.overfit),
        "log": dict(run.log),
        "digests": dict(result_digests(run.result)),
        "manifest": dict(run.result.manifest),
    }


def checks_text(checks: Mapping[str, Any]) -> str:
    """Write it as JSON that can stand in a page and in Markdown."""
    return dumps(checks).decode().translate(_ESCAPED)


def read_checks(text: str) -> Mapping[str, Any]:
    """Read it from a report, in whichever form that is.

    Raises:
        DamagedError: The text is no report, or of a newer version of the package.
    """
    found = _IN_HTML.search(text) or _IN_MARKDOWN.search(text)
    try:
        checks = parse_json((found[1] if found else text).encode())
    except (InvalidRequestError, UnicodeEncodeError):
        checks = None
    if found is None and isinstance(checks, dict):
        checks = checks.get("checks")
    if not isinstance(checks, dict) or "report" not in checks:
        raise DamagedError(
            "This is no report: it holds nothing to verify. Give a file that `report` has written"
        )
    if checks["report"] != FORM_VERSION:
        raise DamagedError(
            f"The report has version {checks['report']!r:.20}, and this package reads version "
            f"{FORM_VERSION}: use a newer version of the package"
        )
    return checks
