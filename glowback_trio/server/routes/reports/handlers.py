"""Reports over HTTP: one file each, to be opened in a browser, printed, or handed on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Annotated

import attrs
from attrs import frozen
from werkzeug.http import dump_options_header

from glowback_trio.actors import Run
from glowback_trio.errors import NotReadyError, Problem
from glowback_trio.model.bounds import Checked, MaxLen, MinLen
from glowback_trio.model.optimization.errors import OptimizationConflictError
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.reports.html.writing import content_policy
from glowback_trio.reports.subjects import MOST_COMPARED, Comparison, ReportedRun
from glowback_trio.reports.writing import FORMS, Form, Subject, report
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.responses import JSON, Response
from glowback_trio.server.pipeline.rendered_body import rendered_response
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.renderings import Draft
from glowback_trio.store.sizes import result_bytes
from glowback_trio.wire.tables import Chunks

__all__ = [
    "MEDIA",
    "ComparisonQuery",
    "backtest_report",
    "comparison_report",
    "optimization_report",
]

#: The media types of the forms.
MEDIA: Mapping[Form, str] = {"html": "text/html", "md": "text/markdown", "json": JSON}
# A report of an optimization is made of the trials, some kilobytes each.
_TRIAL_BYTES = 8 * 1024


def _runs_are_given(runs: tuple[str, ...] | None) -> Iterator[Problem]:
    if runs is None:
        message = f"Input should have 2 to {MOST_COMPARED} ids of runs, separated by commas"
        yield Problem("missing", ("runs",), message)


@frozen(kw_only=True)
class ComparisonQuery(Checked):
    """Which runs to compare.

    Attributes:
        runs: Ids of 2 to 10 completed runs, a comma-separated list, in the order to show them.
    """

    __checks__ = (_runs_are_given,)

    runs: Annotated[tuple[str, ...], MinLen(2), MaxLen(MOST_COMPARED)] | None = None


async def backtest_report(app_state: AppState, run_id: str, form: str) -> Response:
    """Return the report of a completed backtest, as `html`, `md` or `json`.

    HTML is one page without scripts that needs no network, and prints on A4. Each form holds the
    manifest, so that `glowback-trio verify` can compute the backtest again and compare all that the
    report shows. `json` has the raw values by the names of sections and blocks.
    """
    known = _known(form)
    run = app_state.gateway.run(run_id)

    async def draft() -> Draft:
        subject = await _reported(app_state, run)
        return Draft(_chunks(subject, known), 2 * result_bytes(subject.result))

    head = await app_state.gateway.ledger.head()
    key = ("report", known, *_identity(run), head)
    return await _response(app_state, key, draft, known, f"report-{run_id}")


def _identity(run: Run) -> tuple[object, ...]:
    """Return what a report of a run depends on besides its result."""
    status = run.status
    return run.run_id, status.created_at, status.name, status.tags, status.note


async def _reported(app_state: AppState, run: Run) -> ReportedRun:
    result = await run.load_result()
    overfit = await app_state.gateway.ledger.doubts(run.request, result)
    status = run.status
    (end,) = await run.load_events(after=status.event_count - 1)
    log = {name: end.payload[name] for name in ("event_count", "digest")}
    labels = attrs.asdict(status.labels)
    return ReportedRun(result, run.run_id, labels=labels, overfit=overfit, log=log)


async def comparison_report(app_state: AppState, form: str, query: ComparisonQuery) -> Response:
    """Return the comparison of completed backtests, as `html`, `md` or `json`.

    It has their curves on one scale, their metrics side by side with the best ones marked, and
    where their requests differ.
    """
    known = _known(form)
    runs = [app_state.gateway.run(run_id) for run_id in query.runs or ()]

    async def draft() -> Draft:
        compared = [await _reported(app_state, run) for run in runs]
        size = sum(result_bytes(run.result) for run in compared)
        return Draft(_chunks(Comparison(compared), known), 2 * size)

    head = await app_state.gateway.ledger.head()
    key = ("comparison", known, *map(_identity, runs), head)
    return await _response(app_state, key, draft, known, "comparison")


async def optimization_report(app_state: AppState, optimization_id: str, form: str) -> Response:
    """Return the report of a completed optimization, as `html`, `md` or `json`.

    It has the best trial and how likely it is luck, the honest N, what was found out of sample, and
    what was searched.
    """
    known = _known(form)
    optimization = app_state.gateway.optimization(optimization_id)
    status = optimization.status
    if not optimization.finished:
        raise NotReadyError(f"Optimization not yet completed: it is {status.state}")
    if status.state is not OptimizationState.COMPLETED:
        because = f" ({status.error})" if status.error else ""
        raise OptimizationConflictError(
            f"The optimization is {status.state}{because}: a report is written of a completed one; "
            "its trials are in its results"
        )

    async def draft() -> Draft:
        result = await optimization.load_result()
        return Draft(_chunks(result, known), len(result.trials) * _TRIAL_BYTES)

    key = ("report", known, optimization_id, status.created_at, status.attempt)
    return await _response(app_state, key, draft, known, f"report-{optimization_id}")


def _known(form: str) -> Form:
    for known in FORMS:
        if form == known:
            return known
    # The parameter is part of the path, so a wrong one is 404 and not 422.
    raise HttpError(404, f"Not Found: a report is had as {', '.join(FORMS)}, not {form!r:.100}")


def _chunks(subject: Subject, form: Form) -> Chunks:
    yield report(subject, form=form).encode()


async def _response(
    app_state: AppState,
    key: object,
    draft: Callable[[], Awaitable[Draft]],
    form: Form,
    name: str,
) -> Response:
    # Shown by a browser, and kept under this name.
    shown = dump_options_header("inline", {"filename": f"{name}.{form}"})
    headers = {"Content-Disposition": shown}
    if form == "html":
        headers["Content-Security-Policy"] = f"{content_policy()}; frame-ancestors 'none'"
    media = MEDIA[form] if form == "json" else f"{MEDIA[form]}; charset=utf-8"
    return await rendered_response(app_state.renderings, key, draft, media, headers)
