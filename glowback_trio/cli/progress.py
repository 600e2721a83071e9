"""Progress: of files, and of a run by the events that any subscriber sees."""

from __future__ import annotations

from collections.abc import AsyncIterable, Collection, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
from attrs import define, field
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Table

from glowback_trio.cli.facts import short_time
from glowback_trio.cli.sparkline import sparkline
from glowback_trio.model.events import Event
from glowback_trio.model.short_repr import counted

__all__ = ["RunView", "draw", "file_progress"]

# Values kept for the equity line, far more than a terminal has columns.
_MOST_VALUES = 4096
_PER_SECOND = 10
_LABEL, _FIGURES = 17, 36  # characters beside the line


def file_progress(label: str) -> Progress:
    """Return a progress bar of files, erased at the end; hidden if stderr is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@define
class RunView:
    """The progress of a run as its events show it; rich draws it on two lines.

    Attributes:
        state: The run's state.
        progress: From 0 to 1.
        bar_time: Time of the bar that was last reported, RFC 3339; empty before the first.
        equity: Value of the account at the last metric event; None before the first.
        fills: Number of fills.
        error: Why the run failed or was cancelled.
        paused: True while the run is paused, which no event says.
    """

    state: str = "queued"
    progress: float = 0.0
    bar_time: str = ""
    equity: float | None = None
    fills: int = 0
    error: str | None = None
    paused: bool = False
    _values: list[float] = field(factory=list, init=False)

    def take(self, event: Event) -> None:
        """Take in the next event."""
        match event.type:
            case "progress":
                payload = event.payload
                self.progress, self.bar_time = payload["progress"], payload["bar_time"]
            case "metric":
                self._keep(event.payload["value"])
            case "trade":
                self.fills += 1
            case "state":
                payload = event.payload
                self.state, self.error = payload["state"], payload.get("error")
            case _:
                pass

    def document(self, run_id: str, log: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Return the view as a JSON object.

        Args:
            run_id: Id of the run.
            log: The level and message that the run has just logged, if it has.
        """
        return {
            "run_id": run_id,
            "state": self.state,
            "paused": self.paused,
            "progress": self.progress,
            "bar_time": self.bar_time or None,
            "equity": self.equity,
            "fills": self.fills,
            "log": log,
            "error": self.error,
        }

    def line(self) -> str:
        """Return the view as one line of text."""
        reached = f"{self.progress:4.0%}  equity {self._money()}"
        return f"{self.day}  {reached}  {counted(self.fills, 'fill')}"

    @property
    def day(self) -> str:
        """Time of the last bar, short; the state before there was one; and whether it is paused."""
        reached = short_time(self.bar_time) if self.bar_time else self.state
        return f"{reached} paused" if self.paused else reached

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bar = ProgressBar(total=1.0, completed=self.progress)
        yield _line(self.day, bar, f"[bold]{self.progress:.0%}[/]")
        if self.equity is None:
            return
        room = options.max_width - _LABEL - _FIGURES
        blocks = "" if options.ascii_only else sparkline(np.array(self._values), max(room, 1))
        figures = f"[bold]{self._money()}[/], {counted(self.fills, 'fill')}"
        yield _line("equity", f"[green]{blocks}[/]", figures)

    def _money(self) -> str:
        return "" if self.equity is None else f"{self.equity:,.2f}"

    def _keep(self, value: float | None) -> None:
        self.equity = value
        if value is None:  # JSON has no word for infinity
            return
        if len(self._values) == _MOST_VALUES:
            self._values = self._values[1::2]
        self._values.append(value)


def _line(label: str, middle: RenderableType, right: str) -> Table:
    """Return a line of the whole width, whose middle takes what the others leave."""
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(width=_LABEL, no_wrap=True)
    line.add_column(ratio=1, no_wrap=True)
    line.add_column(justify="right", no_wrap=True)
    line.add_row(label, middle, right)
    return line


async def draw(
    events: AsyncIterable[Event],
    console: Console,
    view: RunView,
    levels: Collection[str] = ("warning", "error"),
) -> None:
    """Show a run until its events end.

    Args:
        events: The events of the run, in order.
        console: Where the run is drawn if it is a terminal, and where it logs to in any case.
        view: Takes the events in.
        levels: The levels of log messages to print.
    """
    # The view is drawn anew some times per second, not at every event; and a slow terminal does not
    # slow the run down, because events are read from its log.
    live = Live(view, console=console, transient=True, refresh_per_second=_PER_SECOND)
    with live if console.is_terminal else nullcontext():
        async for event in events:
            view.take(event)
            if event.type == "log" and event.payload["level"] in levels:
                _print_log(event.payload, console)


def _print_log(log: Mapping[str, Any], console: Console) -> None:
    style = "dim" if log["level"] == "info" else "yellow"
    words = f"[{style}]{log['level']}:[/] {escape(log['message'])}"
    console.print(words, soft_wrap=True, highlight=False)
