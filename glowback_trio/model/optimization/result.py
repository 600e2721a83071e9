"""The result of an optimization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from glowback_trio.lazy import late_part
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.model.short_repr import counted, describe

__all__ = ["OptimizationResult"]


@frozen(kw_only=True, eq=False, repr=False)
class OptimizationResult:
    """The findings of an optimization: those so far, or in the end.

    Attributes:
        optimization_id: Its id.
        state: Its state.
        best_trial: The best trial; None if there is none.
        trials: All finished trials, by number.
        front: Numbers of the trials that no other beats in every objective; empty where there is
            one objective.
        replay_backtest: The document of the best trial's backtest, as `POST /backtests` takes it.
        diagnostics: Figures on the search: stability of parameters, spread of the best, and how
            likely it is that the best is luck. Deterministic but for `ledger`, which quotes the
            ledger of trials as it was when the search ended.
        validation: What the validation found out of sample: windows or splits, each with its
            winner, and the stitched curve; empty without one.
        manifest: Request, trials and data, for a record.
        kept_runs: Ids of the runs that keep the best trials, best first.
        attempt: The attempt that it is of.
    """

    optimization_id: str
    state: OptimizationState
    best_trial: Trial | None
    trials: Sequence[Trial]
    front: Sequence[int]
    replay_backtest: Mapping[str, Any] | None
    diagnostics: Mapping[str, Any]
    validation: Mapping[str, Any]
    manifest: Mapping[str, Any] | None
    kept_runs: Sequence[str] = ()
    attempt: int = 1

    def __repr__(self) -> str:
        best = None if self.best_trial is None else self.best_trial.objective
        trials = counted(len(self.trials), "trial")
        return describe(self, self.optimization_id, str(self.state), trials, best=best)

    def to_dataframe(self) -> Any:
        """Return the trials as a `pandas.DataFrame`, a row each; of the extra `notebook`."""
        return late_part("notebook.frames").trials_frame(self)

    def _repr_html_(self) -> str:
        card: str = late_part("notebook.cards").search_card(self)
        return card
