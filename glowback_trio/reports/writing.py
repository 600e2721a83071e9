"""Reports in one call: a result, a comparison or an optimization as one text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import one_of
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.result import Result
from glowback_trio.reports.blocks import Page
from glowback_trio.reports.comparison.page import comparison_page
from glowback_trio.reports.documents import json_text
from glowback_trio.reports.html.writing import html_text
from glowback_trio.reports.markdown import markdown_text
from glowback_trio.reports.optimization.page import optimization_page
from glowback_trio.reports.run.page import run_page
from glowback_trio.reports.subjects import Comparison, ReportedRun, reported
from glowback_trio.wire.exports.run_export import RunExport

__all__ = ["FORMS", "Form", "Subject", "report"]

Form = Literal["html", "md", "json"]
#: The forms of a report, which are also the endings of its file.
FORMS: tuple[Form, ...] = get_args(Form)

#: What a report can be about.
Subject = Result | RunExport | ReportedRun | Comparison | OptimizationResult

_WRITERS: Mapping[Form, Callable[[Page], str]] = {
    "html": html_text,
    "md": markdown_text,
    "json": json_text,
}


def report(subject: Subject, *, form: Form = "html") -> str:
    """Write a report: one text that needs nothing else, and holds what its verification needs.

    HTML is a page with its style and its drawings, without scripts and without a network; it prints
    on A4. Markdown has the tables, and says its charts in words. JSON has the raw values. The same
    subject gives the same text. It takes a tenth of a second for ten years of daily bars.

        Path("report.html").write_text(report(result), "utf-8")

    Args:
        subject: A result, an export of a completed run, a `ReportedRun`, which has labels and the
            honest N of a server as well, a `Comparison`, or the result of an optimization.
        form: `html`, `md` or `json`.

    Raises:
        InvalidRequestError: There is no such form, the subject is none of these, or what it is of
            has not completed.
        DamagedError: An event of the export is none.
    """
    if form not in FORMS:
        message = f"Input should be {one_of(FORMS)}"
        raise InvalidRequestError([Problem("literal_error", ("form",), message, form)])
    return _WRITERS[form](_page(subject))


def _page(subject: Subject) -> Page:
    match subject:
        case Comparison():
            return comparison_page(subject)
        case OptimizationResult():
            return optimization_page(subject)
        case _:
            return run_page(reported(subject))
