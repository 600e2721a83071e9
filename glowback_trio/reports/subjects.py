"""The subjects of reports: a run with what is known of it, or several runs side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from glowback_trio.engine.reporting.result_document import BlockName, result_document
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import counted, describe
from glowback_trio.wire.exports.run_export import RunExport

__all__ = ["MOST_COMPARED", "Comparison", "ReportedRun", "reported"]

#: How many runs are compared at most: more lines cannot be told apart in a chart.
MOST_COMPARED = 10
_SHEET: tuple[BlockName, ...] = ("tearsheet",)


@frozen(eq=False, repr=False)
class ReportedRun:
    """A completed run with what its result does not say.

    Attributes:
        result: Its result.
        run_id: Its id; empty for one that no gateway has carried out.
        labels: What people have written on it: `name`, `tags`, `note`.
        overfit: How often anyone has looked, as a server's ledger says it: the field `overfit` of
            its result; empty where no ledger is at hand.
        log: `event_count` and `digest` of its log, as its terminal event has them; empty without.
    """

    result: Result
    run_id: str = ""
    labels: Mapping[str, Any] = field(factory=dict, kw_only=True)
    overfit: Mapping[str, Any] = field(factory=dict, kw_only=True)
    log: Mapping[str, Any] = field(factory=dict, kw_only=True)

    def __repr__(self) -> str:
        return describe(self, self.name, counted(len(self.result.curve), "bar"))

    @property
    def name(self) -> str:
        """The name that people gave it, else the name of its strategy."""
        given = str(self.labels.get("name") or "")
        return given or str(self.result.manifest["strategy"]["name"])

    @property
    def sheet(self) -> Mapping[str, Any]:
        """The tear sheet of its result, worked out once."""
        document = result_document(self.result, "", include=_SHEET)
        sheet: Mapping[str, Any] = document["tearsheet"]
        return sheet


def reported(run: Result | RunExport | ReportedRun) -> ReportedRun:
    """Return a run as reports take it.

    Raises:
        InvalidRequestError: It is an export of a run that has not completed.
        DamagedError: It is an export, and an event of it is none.
    """
    match run:
        case ReportedRun():
            return run
        case RunExport(result=None):
            end = run.events[-1].payload if run.events else {}
            because = f" ({end['error']})" if end.get("error") else ""
            message = (
                f"Run {run.run_id} is {end.get('state', 'empty')}{because}: a report is written of "
                "a completed run"
            )
            raise InvalidRequestError([Problem("not_available", (), message)])
        case RunExport(result=Result() as result):
            end = run.events[-1].payload
            log = {name: end[name] for name in ("event_count", "digest") if name in end}
            return ReportedRun(result, run.run_id, labels=run.labels, log=log)
        case _:
            if not isinstance(run, Result):
                message = f"Input should be a result, an export or a ReportedRun, not {run!r:.100}"
                raise InvalidRequestError([Problem("type_error", ("run",), message)])
            return ReportedRun(run)


def _reported_each(runs: Iterable[Result | RunExport | ReportedRun]) -> tuple[ReportedRun, ...]:
    return tuple(map(reported, runs))


@frozen(eq=False, repr=False)
class Comparison:
    """Several completed runs, to be compared in one report.

    Args:
        runs: 2 to 10 of them, in the order in which they are shown: results, exports, or runs with
            what is known of them.

    Raises:
        InvalidRequestError: There are fewer, or more.
    """

    runs: tuple[ReportedRun, ...] = field(converter=_reported_each)

    def __attrs_post_init__(self) -> None:
        if not 2 <= len(self.runs) <= MOST_COMPARED:
            message = f"Input should have 2 to {MOST_COMPARED} runs, not {len(self.runs)}"
            raise InvalidRequestError([Problem("value_error", ("runs",), message)])

    def __repr__(self) -> str:
        return describe(self, counted(len(self.runs), "run"))

    @classmethod
    def of(cls, *runs: Result | RunExport | ReportedRun) -> Comparison:
        """Compare the runs that are given."""
        return cls(runs)
