"""The report of an optimization: its sections in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.short_repr import listed
from glowback_trio.reports.blocks import Block, Column, Figure, Figures, Page, Prose, Section, Table
from glowback_trio.reports.checks import FORM_VERSION
from glowback_trio.reports.optimization.luck import luck
from glowback_trio.reports.optimization.outcome import headline, ranking, stability
from glowback_trio.reports.optimization.validation import validation
from glowback_trio.reports.words import pairs, value_in_words
from glowback_trio.version import VERSION
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.optimizations.results import kept_result_document

__all__ = ["optimization_digest", "optimization_page", "optimization_request"]

_SYMBOLS = 8
#: What changes nothing in what a search finds, or comes from elsewhere.
_ASIDE = ("optimization_id", "kept_runs", "attempt", "manifest")


def optimization_page(result: OptimizationResult) -> Page:
    """Put the report of an optimization together.

    Raises:
        InvalidRequestError: It has not completed.
    """
    if result.state is not OptimizationState.COMPLETED or result.manifest is None:
        named = f"Optimization {result.optimization_id}".strip()
        message = (
            f"{named} is {result.state}: a report is written of a completed one; its trials are in "
            "its result"
        )
        raise InvalidRequestError([Problem("not_available", (), message)])
    makers: tuple[Callable[[OptimizationResult], Iterator[Section]], ...] = (
        headline,
        luck,
        validation,
        ranking,
        stability,
        _searched,
    )
    sections = [section for make in makers for section in make(result)]
    request = optimization_request(result.manifest)
    return Page(str(request["name"]), _subtitle(request), sections, _checks(result, request))


def optimization_request(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of the request that a manifest records."""
    apart = {name: manifest[name] for name in ("search_space", "base_backtest")}
    return {**manifest["request"], **apart}


def optimization_digest(result: OptimizationResult) -> str:
    """Return a SHA-256 over what a search has found, the ledger and the package's version apart."""
    document = kept_result_document(result)
    found = {name: value for name, value in document.items() if name not in _ASIDE}
    figures = {name: value for name, value in result.diagnostics.items() if name != "ledger"}
    return f"sha256:{hashlib.sha256(dumps({**found, 'diagnostics': figures})).hexdigest()}"


def _checks(result: OptimizationResult, request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "report": FORM_VERSION,
        "kind": "optimization",
        "written_by": VERSION,
        "optimization_id": result.optimization_id,
        "ledger": result.diagnostics.get("ledger"),
        "digest": optimization_digest(result),
        "request": request,
    }


def _subtitle(request: Mapping[str, Any]) -> str:
    base = request["base_backtest"]
    period = f"{base['start_date'][:10]} to {base['end_date'][:10]}"
    parts = [base["strategy"]["name"], listed(base["symbols"], _SYMBOLS), period]
    return " \N{MIDDLE DOT} ".join([*parts, f"{request['strategy']} search"])


def _searched(result: OptimizationResult) -> Iterator[Section]:
    assert result.manifest is not None, "it was checked"
    request = optimization_request(result.manifest)
    space = request["search_space"]
    given = [
        Figure("search", "Search", request["strategy"]),
        Figure("max_trials", "Trials at most", request["max_trials"], "count"),
        Figure("completed_trials", "Completed", result.diagnostics["completed_trials"], "count"),
        Figure("failed_trials", "Failed", result.diagnostics["failed_trials"], "count"),
        Figure("infeasible_trials", "Infeasible", result.diagnostics["infeasible_trials"], "count"),
        Figure("validation_mode", "Held out", request["validation_mode"]),
        Figure("random_seed", "Seed", str(request["random_seed"])),
    ]
    columns = (Column("name", "Parameter"), Column("kind", "Kind"), Column("values", "Values"))
    rows = [(each["name"], each["kind"], _values(each)) for each in space["parameters"]]
    blocks: list[Block] = [Figures("search", given), Table("space", "", columns, rows)]
    if rules := [*space["constraints"], *request["metric_constraints"]]:
        blocks.append(Prose("constraints", [f"Constraint: {rule}" for rule in rules], listed=True))
    base = request["base_backtest"]
    sentences = [
        f"Strategy: {base['strategy']['name']}, {pairs(base['strategy']['params'])}",
        f"Symbols: {value_in_words(base['symbols'])}",
        f"Execution: {pairs(base['execution'])}",
    ]
    blocks.append(Prose("base_backtest", sentences, listed=True))
    if note := str(request["description"]):
        blocks.append(Prose("description", [note]))
    yield Section("searched", "What was searched", blocks)


def _values(parameter: Mapping[str, Any]) -> str:
    if parameter["values"]:
        return value_in_words(parameter["values"])
    step = "" if parameter["step"] is None else f", step {value_in_words(parameter['step'])}"
    low, high = (value_in_words(parameter[end]) for end in ("low", "high"))
    return f"{low} to {high}{step}"
