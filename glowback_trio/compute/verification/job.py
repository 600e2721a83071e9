"""The job that verifies a run: it checks the log, computes the run again, and compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import define, field, frozen

from glowback_trio.compute.job import attempted, simulated
from glowback_trio.compute.steps import Answered, Done, Failed, Progressed, Step
from glowback_trio.compute.verification.bars import same_bars
from glowback_trio.compute.verification.differences import differences, result_differences
from glowback_trio.compute.verification.log_comparison import DiffersError, LogComparison
from glowback_trio.data import Source
from glowback_trio.errors import DamagedError, GlowbackError, LogError
from glowback_trio.model.bars import Dataset
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import describe
from glowback_trio.version import VERSION
from glowback_trio.wire.exports.log_checks import check_log
from glowback_trio.wire.exports.run_export import RunExport
from glowback_trio.wire.exports.verdict import Difference, Verdict
from glowback_trio.wire.requests import request_document

__all__ = ["VerifyJob"]


@frozen(repr=False)
class VerifyJob:
    """A finished run, waiting to be verified. Its last step is `Answered` with a `Verdict`.

    Attributes:
        export: The run.
        request: Its request.
        source: Where bars come from now.
    """

    export: RunExport
    request: BacktestRequest
    source: Source

    def __repr__(self) -> str:
        return describe(self, self.export.run_id)

    def steps(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        """Verify the run step by step.

        Args:
            checkpoint: As for a backtest.
        """
        return attempted(_Verification(self, checkpoint).steps())


@define(eq=False)
class _Verification:
    """A verification under way."""

    _job: VerifyJob
    _checkpoint: Callable[[], object]
    _comparison: LogComparison | None = field(default=None, init=False)
    _symbols: int = field(default=0, init=False)

    @property
    def _manifest(self) -> Mapping[str, Any]:
        result = self._job.export.result
        return {} if result is None else result.manifest

    def steps(self) -> Iterator[Step]:
        difference = None
        try:
            yield from self._compare()
        except DiffersError as error:
            difference = error.difference
        engine = self._manifest.get("engine")
        yield Answered(
            Verdict(
                run_id=self._job.export.run_id,
                difference=difference,
                symbols=self._symbols,
                events=0 if self._comparison is None else self._comparison.same,
                computed_then_by=engine.get("version") if isinstance(engine, Mapping) else None,
                computed_now_by=VERSION,
            )
        )

    def _compare(self) -> Iterator[Step]:
        """Compare part after part.

        Raises:
            DiffersError: Something differs.
        """
        try:
            events = check_log(self._job.export)
        except (LogError, DamagedError) as error:
            raise _difference("log", f"The log is not sound: {error}") from error
        yield Progressed()
        if self._job.export.result is not None:
            self._check_request()
        self._comparison = comparison = LogComparison(events)
        try:
            dataset = self._job.source.load(self._job.request, self._checkpoint)
        except GlowbackError as error:
            self._check_unloaded(comparison, error)
            return
        for _ in same_bars(self._manifest, dataset):
            self._symbols += 1
        yield Progressed()
        yield from self._compute(comparison, dataset)

    def _compute(self, comparison: LogComparison, dataset: Dataset) -> Iterator[Step]:
        for step in attempted(simulated(self._job.request, dataset, self._checkpoint)):
            match step:
                case Progressed(drafts):
                    comparison.compare(drafts)
                    if comparison.stopped and comparison.over:
                        return
                    yield Progressed()
                case Done(result):
                    comparison.check_end(None)
                    self._check_result(result)
                case Failed():
                    comparison.check_end(step)

    def _check_request(self) -> None:
        replay = self._manifest.get("replay_request")
        then = dict(replay) if isinstance(replay, Mapping) else {}
        now = {k: v for k, v in request_document(self._job.request).items() if k in then}
        # The manifest names the source that `default` stood for.
        if now.get("data_source") == "default":
            then["data_source"] = "default"
        for found in differences(then, now):
            message = (
                f"The request differs from the manifest: {found.field} is {found.now!r:.100}, and "
                f"was {found.then!r:.100} when it was computed"
            )
            raise _difference("request", message, field=found.field, then=found.then, now=found.now)

    def _check_unloaded(self, comparison: LogComparison, error: GlowbackError) -> None:
        """Compare a run whose bars cannot be loaded: it must have failed for the same reason."""
        try:
            comparison.check_end(Failed(str(error)))
        except DiffersError:
            message = f"The bars cannot be loaded: {error}"
            raise _difference("bars", message, now=str(error)) from error

    def _check_result(self, now: Result) -> None:
        then = self._job.export.result
        assert then is not None, "a log that ends completed has a result: it was checked"
        for found in result_differences(then, now):
            message = (
                f"The result differs: {found.field} was {found.then!r:.100}, and is "
                f"{found.now!r:.100} now"
            )
            raise _difference("result", message, field=found.field, then=found.then, now=found.now)


def _difference(part: Any, message: str, **more: Any) -> DiffersError:
    return DiffersError(Difference(part=part, message=message, **more))
