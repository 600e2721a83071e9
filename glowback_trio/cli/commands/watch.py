"""Watching a run from the terminal: a bar on stderr, fed by the run's own events."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from glowback_trio.actors import Run
from glowback_trio.model.events import Event

__all__ = ["watch"]


async def watch(run: Run, console: Console, *, warnings: bool = True) -> None:
    """Show a run's progress and warnings until it has ended.

    Args:
        run: The run; however it ends is for the caller to look at.
        console: On stderr. The bar is drawn on a terminal only.
        warnings: Whether the run's warnings are printed, on a terminal or not.
    """
    fills = 0
    with _progress(console) as progress, run.subscribe() as events:
        bar = progress.add_task("", total=1.0, day="", equity="", fills=0)
        async for event in events:
            match event.type:
                case "progress":
                    payload = event.payload
                    progress.update(
                        bar, completed=payload["progress"], day=payload["bar_time"][:10]
                    )
                case "metric":
                    progress.update(bar, equity=f"{event.payload['value']:,.2f}")
                case "trade":
                    fills += 1
                    progress.update(bar, fills=fills)
                case "log" if warnings:
                    _tell(event, console)
                case _:
                    pass


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.fields[day]:>10}"),
        BarColumn(bar_width=36),
        TaskProgressColumn(),
        TextColumn("equity [bold]{task.fields[equity]:>14}[/]"),
        TextColumn("{task.fields[fills]} fills"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _tell(event: Event, console: Console) -> None:
    log = event.payload
    if log["level"] != "info":
        console.print(f"[yellow]{log['level']}:[/] {escape(log['message'])}", soft_wrap=True)
