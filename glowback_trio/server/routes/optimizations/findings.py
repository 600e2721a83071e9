"""Routes of results: tables of trials, and trials as runs of their own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

from attrs import evolve
from quart import request
from werkzeug.http import dump_options_header

from glowback_trio.actors import Optimization
from glowback_trio.errors import NotReadyError, StoreError
from glowback_trio.extras import PARQUET
from glowback_trio.model.optimization.errors import UnknownTrialError
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.responses import JSON, Response, json_response
from glowback_trio.server.http.route import prefix
from glowback_trio.server.pipeline.rendered_body import rendered_response
from glowback_trio.server.routes.results import FORMS
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.state.app_state import AppState
from glowback_trio.server.state.renderings import Draft
from glowback_trio.store.cluster import HeldElsewhereError
from glowback_trio.wire.optimizations.results import optimization_result_chunks
from glowback_trio.wire.optimizations.tables import trial_table
from glowback_trio.wire.statuses import status_document
from glowback_trio.wire.tables import Chunks, joined

__all__ = ["export_trials", "optimization_results", "run_trial"]

# Bytes that a trial takes as an object, with its metrics. Rounded up.
_TRIAL_BYTES = 8 * 1024
# Tags of a base backtest that fit beside the one that is added.
_MOST_TAGS = 31
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_LONGEST_NUMBER = 40


async def optimization_results(app_state: AppState, optimization_id: str) -> Response:
    """Return the result of an optimization that has ended, however it ended.

    `all_trials` are in the order of their numbers. Figures that come from a clock or from other
    searches (durations, `diagnostics.ledger`) are no part of the log.
    """
    optimization = app_state.gateway.optimization(optimization_id)
    if not optimization.finished:
        state = optimization.status.state
        raise NotReadyError(f"Optimization not yet completed: it is {state}")

    async def draft() -> Draft:
        result = await optimization.load_result()
        durations, status = await optimization.load_durations(), optimization.status
        # What is shown of one that has ended does not depend on the time.
        now = status.finished_at or app_state.clock()
        written = optimization_result_chunks(result, optimization.request, status, durations, now)
        return Draft(joined(written), len(result.trials) * _TRIAL_BYTES)

    key = (*_identity(optimization), "results")
    return await rendered_response(app_state.renderings, key, draft, JSON)


def _identity(optimization: Optimization) -> tuple[object, ...]:
    """Return what tells the state of an optimization apart from all others."""
    status = optimization.status
    place = status.attempt, status.event_count
    return optimization.optimization_id, status.created_at, *place


async def export_trials(app_state: AppState, optimization_id: str, form: str) -> Response:
    """Return the trials that have ended so far, one row each, as `csv`, `ndjson` or `parquet`.

    A row has the trial's number, status, objective, whether it meets the constraints, its split
    and its duration, then a column for every parameter and every metric, and the error. CSV and
    NDJSON write numbers with every digit needed to read the same number back.
    """
    # The parameter is part of the path, so a wrong one is 404 and not 422.
    if form not in FORMS:
        raise HttpError(404, f"Not Found: a table is had as {', '.join(FORMS)}, not {form!r:.100}")
    optimization = app_state.gateway.optimization(optimization_id)
    if form == "parquet" and not PARQUET.is_installed:
        raise HttpError(501, f"On this server, {PARQUET.advice}", code="unavailable")
    named = {"filename": f"trials-{optimization_id}.{form}"}
    headers = {"Content-Disposition": dump_options_header("attachment", named)}
    key = (*_identity(optimization), form)
    draft = _table_draft(optimization, form)
    return await rendered_response(app_state.renderings, key, draft, FORMS[form].media, headers)


def _table_draft(optimization: Optimization, form: str) -> Callable[[], Awaitable[Draft]]:
    async def draft() -> Draft:
        trials = (await optimization.load_result()).trials
        durations = await optimization.load_durations()

        def chunks() -> Chunks:
            # Begun by who reads them, in a thread: the columns depend on every trial.
            with closing(FORMS[form].write(trial_table(trials, durations))) as written:
                yield from joined(written)

        return Draft(chunks(), len(trials) * _TRIAL_BYTES)

    return draft


async def run_trial(app_state: AppState, optimization_id: str, trial_number: str) -> Response:
    """Submit a finished trial as a run of its own, which has a full result.

    Its request is the base backtest with the trial's parameters. It has the tag
    `optimization:<id>`, and its metrics are the trial's `full_` ones, to the last bit. The response
    is sent once the run is as durable as `/readyz` says.
    """
    optimization = app_state.gateway.optimization(optimization_id)
    trial = await _find_trial(optimization, trial_number)
    requested = applied(optimization.request.base_backtest, trial.parameters)
    tag = f"optimization:{optimization_id}"
    requested = evolve(requested, tags=(*requested.tags[:_MOST_TAGS], tag))
    fingerprint = await app_state.check(requested)
    owner = presented_key(request.headers) or ""
    run = app_state.submit(requested, owner, fingerprint=fingerprint)
    try:
        await run.wait_stored()
    except StoreError:
        if app_state.gateway.holds(run.run_id):
            # It was stored after all, and another gateway has taken it: it stays.
            with suppress(HeldElsewhereError):
                app_state.gateway.delete(run.run_id)
        raise
    location = f"{prefix(request.path)}/backtests/{run.run_id}"
    return json_response(status_document(run.status), 201, {"Location": location})


async def _find_trial(optimization: Optimization, trial_number: str) -> Trial:
    # It is part of the path, so a wrong one is 404 and not 422.
    if _NUMBER.fullmatch(trial_number):
        for trial in (await optimization.load_result()).trials:
            if trial.trial_number == int(trial_number):
                return trial
    raise UnknownTrialError(optimization.optimization_id, trial_number[:_LONGEST_NUMBER])
