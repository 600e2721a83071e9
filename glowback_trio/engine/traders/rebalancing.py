"""A trader that holds a portfolio at its target weights, and visits only the rows that matter."""

from __future__ import annotations

from struct import Struct

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.traders.construction import DECISION, Plan, draw_up
from glowback_trio.engine.traders.weights import Aim, Some
from glowback_trio.errors import StrategyError
from glowback_trio.model.bars import Floats
from glowback_trio.model.portfolio import NONE, Portfolio, RebalanceReason
from glowback_trio.model.result import Curve

__all__ = ["RebalancingTrader"]

_LEAST, _MOST = 32, 1 << 18  # rows, and cells, that are watched at once
_pack = Struct("=2q3d").pack


class RebalancingTrader:
    """Returns a portfolio to its weights when its plan says so.

    At each close the first reason that applies is taken: a drawdown that has reached its limit,
    the first bar of a symbol, the schedule, a drift that has reached its threshold. Positions do
    not change in between, so the rows up to the next that may matter are looked at together.

    A stop sells everything, over several closes where the turnover cap asks for it. The next
    scheduled return after the last of these sales ends it. The peak starts anew there: measured
    from the old one, the next close would stop the portfolio again.

    Only a stop takes back orders that `latency_ms` still keeps from their bars: if every return
    did, a latency longer than the time between two of them would let none of them ever fill.

    Args:
        plan: What is aimed at, and when.
        timeline: The bars.
        broker: Carries it out.
        costs: Conditions of a fill.
        journal: Where the broker writes.
        shortcuts: Whether to take them; they change nothing but the time it takes.
    """

    def __init__(
        self,
        plan: Plan,
        timeline: Timeline,
        broker: Broker,
        costs: CostModel,
        journal: EventJournal,
        *,
        shortcuts: bool = True,
    ) -> None:
        self.broker = broker
        self.failure: StrategyError | None = None
        self._plan = plan
        self._timeline = timeline
        self._costs = costs
        asked = plan.construction
        self._drift = _fraction(asked.drift_threshold_pct)
        self._fall = _fraction(asked.max_drawdown_pct)
        self._turnover = _fraction(asked.max_turnover_pct)
        self._watchful = not (self._drift is None and self._fall is None)
        self._late = bool(costs.latency)
        self._aim = Aim(plan.symbol, timeline, broker, costs, journal, shortcuts=shortcuts)
        self._told: list[tuple[int, str]] = []
        self._decisions = bytearray()
        self._worth = np.zeros((len(timeline), len(plan.symbol)))
        # What was decided so far: when to return next, and whether a stop is on, or still selling.
        self._scheduled, self._arrival, self._ready = NEVER, plan.arrival(0), 0
        self._out = self._selling = self._over = False
        self._peak = broker.account.cash
        # Last closes of the rows at hand, and which row comes first.
        self._marks, self._first = np.zeros((0, 0)), 0

    def run(self, start: int, stop: int, marks: Floats) -> int:
        """Carry out the rows from `start` to before `stop`; see `Trader`."""
        self._marks, self._first = marks, max(start - 1, 0)
        self._aim.see(stop)
        self.broker.see(marks, self._first)
        held, row = [], start
        while row < stop:
            held.append((row, self._begun(row)))
            row = self._carry_on(row, stop)
        self._aim.write()
        if held:
            self._draw(held, stop)
        return stop

    def ruin(self, row: int) -> None:
        """Carry out what is due at this row, then order everything closed and want nothing more."""
        self._draw([(row, self._begun(row))], row + 1)
        self.broker.liquidate(row)
        self._over = True

    def take_told(self) -> list[tuple[int, str]]:
        """When it sold everything, and when it came back, since this was last asked."""
        told, self._told = self._told, []
        return told

    def portfolio(self, curve: Curve) -> Portfolio:
        """What became of the plan, once the curve is finished."""
        return draw_up(self._plan, np.frombuffer(self._decisions, DECISION), self._worth, curve)

    def _begun(self, row: int) -> Floats:
        """Let a row begin; the units of the symbols that are then held."""
        self.broker.begin(row)
        return self.broker.account.units[self._plan.symbol]

    def _draw(self, held: list[tuple[int, Floats]], stop: int) -> None:
        """Work out what is held on the rows up to `stop`, from the units that follow each other."""
        rows = [row for row, _ in held]
        units = np.repeat([units for _, units in held], np.diff(rows, append=stop), axis=0)
        marks = self._marks[rows[0] - self._first : stop - self._first]
        if units.shape != marks.shape:
            marks = marks[:, self._plan.symbol]
        np.multiply(units, marks, out=self._worth[rows[0] : stop])

    def _carry_on(self, row: int, stop: int) -> int:
        """Decide once, at the first close that gives a reason; the row at which to go on."""
        calm = row + 1 if self._costs.has_financing else min(self.broker.blotter.next_due, stop)
        if self._over:
            return calm
        at, reason = self._look(row, calm)
        if reason == NONE:
            return calm
        self._decide(at, reason)
        return at + 1

    def _look(self, row: int, calm: int) -> tuple[int, int]:
        """Find the first row before `calm` with a reason, and which; up to there nothing fills."""
        due, reason = self._due(row)
        if self._watchful and not self._out:
            at, seen = self._watch(row, min(due + 1, calm))
            if seen == RebalanceReason.GUARD or (seen == RebalanceReason.DRIFT and at < due):
                return at, seen
        return (due, reason) if due < calm else (calm, NONE)

    def _due(self, row: int) -> tuple[int, int]:
        """The next row, from this one on, that calls for a decision whatever prices do."""
        row = max(row, self._ready)
        if self._selling:
            return row, RebalanceReason.GUARD
        if not self._out and self._arrival <= self._scheduled:
            return max(row, self._arrival), RebalanceReason.ALLOCATION
        return max(row, self._scheduled), RebalanceReason.SCHEDULE

    def _watch(self, row: int, stop: int) -> tuple[int, int]:
        """Find the first row before `stop` at which the fall or a drift is at its limit."""
        rows = _LEAST
        while row < stop:
            seen = self._seen(row, min(row + rows, stop))
            if seen is not None:
                return seen
            row, rows = row + rows, min(rows * 4, _MOST // len(self._timeline.bars))
        return stop, NONE

    def _seen(self, row: int, stop: int) -> tuple[int, int] | None:
        account = self.broker.account
        worth = self._marks[row - self._first : stop - self._first] * account.units
        value = account.cash + worth.sum(axis=1)
        peaks = np.maximum(np.maximum.accumulate(value), self._peak)
        fallen = self._fallen(peaks, value)
        both = fallen | self._drifted(row, worth, value)
        at = int(both.argmax()) if both.any() else len(both) - 1
        self._peak = peaks.item(at)
        if not both[at]:
            return None
        return row + at, RebalanceReason.GUARD if fallen[at] else RebalanceReason.DRIFT

    def _fallen(self, peaks: Floats, value: Floats) -> NDArray[np.bool_]:
        if self._fall is None or not self.broker.account.units.any():
            return np.zeros(len(value), dtype=bool)
        fallen: NDArray[np.bool_] = (peaks - value) / peaks >= self._fall
        return fallen

    def _drifted(self, row: int, worth: Floats, value: Floats) -> NDArray[np.bool_]:
        plan = self._plan
        there = plan.first <= row
        if self._drift is None or not there.any():
            return np.zeros(len(value), dtype=bool)
        with np.errstate(divide="ignore", invalid="ignore"):  # of a lost account, soon found out
            weights = worth[:, plan.symbol] / value[:, np.newaxis]
        away = np.abs(weights - np.where(there, plan.target, 0.0)).max(axis=1)
        drifted: NDArray[np.bool_] = away >= self._drift
        drifted[: max(0, self._ready - row)] = False
        return drifted

    def _decide(self, row: int, reason: int) -> None:
        """Order what is missing to the targets, or to nothing; a lost account orders no more."""
        value, plan = self.broker.value(row)[0], self._plan
        if value <= 0.0:
            return
        # The symbols that have had a bar, which sooner or later are all of them.
        late = row < plan.arrivals[-1]
        some: Some = np.flatnonzero(plan.first <= row) if late else slice(None)
        symbol, target = plan.symbol[some], plan.target[some]
        close = self._marks[row - self._first][symbol]
        held = self.broker.account.units[symbol] * close / value
        goal = np.zeros_like(target) if reason == RebalanceReason.GUARD else target
        wanted = float(np.abs(goal - held).sum())
        allowed = wanted if self._turnover is None else min(wanted, self._turnover)
        fall = (self._peak - value) / self._peak
        self._decisions += _pack(row, reason, wanted, allowed, fall)
        self._settle(row, reason, value, fall)
        self._selling = reason == RebalanceReason.GUARD and allowed < wanted
        if allowed < wanted:
            goal = held + (goal - held) * (allowed / wanted)
        if allowed:
            self._aim.order(row, some, goal, close)

    def _settle(self, row: int, reason: int, value: float, fall: float) -> None:
        """Remember what a decision changes, and tell when a stop begins and ends."""
        every = self._plan.construction.rebalance_frequency
        if reason == RebalanceReason.GUARD and not self._out:
            most = self._plan.construction.max_drawdown_pct
            self._tell(
                row,
                f"Drawdown of {fall * 100.0:.2f}% has reached max_drawdown_pct of {most:g}: "
                f"everything is sold until the next {every} rebalance",
            )
        elif reason != RebalanceReason.GUARD and self._out:
            self._tell(row, f"Back to the target weights with the {every} rebalance")
            self._peak = value
        self._out = reason == RebalanceReason.GUARD
        self._scheduled, self._arrival = self._plan.scheduled(row), self._plan.arrival(row + 1)
        if self._late:
            time = self._timeline.time
            self._ready = int(np.searchsorted(time, time[row] + self._costs.latency))

    def _tell(self, row: int, sentence: str) -> None:
        self._told.append((row, sentence))


def _fraction(percent: float | None) -> float | None:
    return None if percent is None else percent / 100.0
