"""A search as its events show it, live in the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

from attrs import define, field
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from glowback_trio.model.events import Event
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.model.short_repr import counted, listed
from glowback_trio.wire.optimizations.trials import parse_trial

__all__ = ["SearchView", "best_table", "draw_search"]

_PER_SECOND = 8
_RANKED = 10
_LINES = 10  # without a terminal, a line at every tenth of the search


@define
class SearchView:
    """The progress of a search; rich draws it as a bar and a table of the best trials.

    Attributes:
        request: What is searched.
        total: Trials that there will be, at most.
        now: Returns seconds, for the rate and the time that is left.
        state: The search's state.
        error: Why it failed or was cancelled.
        progress: From 0 to 1.
        done: Trials that have ended.
        failed: Trials that have failed.
        ranking: The best trials, best first.
    """

    request: OptimizationRequest
    total: int
    now: Callable[[], float]
    state: str = "pending"
    error: str | None = None
    progress: float = 0.0
    done: int = 0
    failed: int = 0
    ranking: list[Trial] = field(factory=list)
    _began: float | None = field(default=None, init=False)

    def take(self, event: Event) -> None:
        """Take in the next event."""
        match event.type:
            case "trial":
                self._rank(parse_trial(event.payload))
            case "progress":
                self.progress = event.payload["progress"]
            case "state":
                payload = event.payload
                self.state, self.error = payload["state"], payload.get("error")
                if self.state == "running":
                    self._began = self.now()
            case _:
                pass

    def _rank(self, trial: Trial) -> None:
        self.done += 1
        self.failed += trial.status == "failed"
        if not trial.ranked or trial.split is not None:
            return
        sign = -1.0 if self.request.scored_by[0].direction == "maximize" else 1.0
        # Of equal ones the earliest stays first, as in the search itself.
        best = [*self.ranking, trial]
        self.ranking = sorted(best, key=lambda each: sign * (each.objective or 0.0))[:_RANKED]

    def line(self) -> str:
        """Return the view as one line of text."""
        best = f", best {self.ranking[0].objective:.4g}" if self.ranking else ""
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{self.done:,} of {counted(self.total, 'trial')}{failed}{best}{self._pace()}"

    def _pace(self) -> str:
        if self._began is None or not self.done or (spent := self.now() - self._began) <= 0:
            return ""
        rate = self.done / spent
        left = max(self.total - self.done, 0) / rate
        return f", {rate:,.0f}/s" + (f", {_minutes(left)} left" if left >= 1 else "")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = Table.grid(expand=True, padding=(0, 1))
        line.add_column(ratio=1, no_wrap=True)
        line.add_column(justify="right", no_wrap=True)
        line.add_row(ProgressBar(total=max(self.total, 1), completed=self.done), self.line())
        yield line
        if self.ranking:
            yield best_table(self.request, self.ranking)


def best_table(request: OptimizationRequest, ranking: list[Trial]) -> Table:
    """Return a table of the best trials, best first."""
    metric = request.scored_by[0].metric
    names = list(ranking[0].parameters)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    gap = f"generalization_gap_{metric}"
    shows_gap = gap in ranking[0].metrics
    for heading in ("trial", "objective", *(["gap"] if shows_gap else []), "return", "drawdown"):
        table.add_column(heading, justify="right")
    for name in names:
        table.add_column(name, justify="right")
    for index, trial in enumerate(ranking):
        figures = [_figure(trial.objective), *([_figure(trial.metrics[gap])] if shows_gap else [])]
        changes = [_percent(trial.metrics.get(each)) for each in ("total_return", "max_drawdown")]
        values = [_value(trial.parameters[name]) for name in names]
        style = "bold green" if index == 0 else None
        table.add_row(str(trial.trial_number), *figures, *changes, *values, style=style)
    return table


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if minutes else f"{rest} s"


def _figure(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1f} %"


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return listed(value) if isinstance(value, tuple) else str(value)


async def draw_search(events: AsyncIterable[Event], console: Console, view: SearchView) -> None:
    """Show a search until its events end.

    Args:
        events: Its events, in order.
        console: Where it is drawn if it is a terminal; otherwise it gets a line at every tenth.
        view: Takes the events in.
    """
    live = Live(view, console=console, transient=True, refresh_per_second=_PER_SECOND)
    printed = 0
    with live if console.is_terminal else nullcontext():
        async for event in events:
            view.take(event)
            if event.type == "log":
                _print_log(event.payload, console)
            tenths = int(view.progress * _LINES)
            if not console.is_terminal and event.type == "progress" and tenths > printed:
                printed = tenths
                console.print(view.line(), soft_wrap=True, highlight=False)


def _print_log(log: Mapping[str, Any], console: Console) -> None:
    style = "dim" if log["level"] == "info" else "yellow"
    words = f"[{style}]{log['level']}:[/] {escape(log['message'])}"
    console.print(words, soft_wrap=True, highlight=False)
