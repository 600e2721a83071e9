"""Progress bars on stderr: of files, and of a run by the events that any subscriber sees."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
)

from glowback_trio.actors import Run
from glowback_trio.model.events import Event

__all__ = ["file_progress", "watch"]


def file_progress(label: str) -> Progress:
    """Return a progress bar of files, erased at the end; hidden if stderr is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


async def watch(run: Run, console: Console, *, warnings: bool = True) -> None:
    """Show a run's progress and warnings until it has ended, however it ends.

    Args:
        run: The run.
        console: For stderr. The progress bar is drawn only if it is a terminal.
        warnings: Print the run's warnings, on a terminal or not.
    """
    fills = 0
    # A slow terminal does not slow the run down: a subscriber reads from the log.
    with _run_progress(console) as progress, run.subscribe() as events:
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
                    _print_log(event, console)
                case _:
                    pass


def _run_progress(console: Console) -> Progress:
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


def _print_log(event: Event, console: Console) -> None:
    log = event.payload
    if log["level"] != "info":
        console.print(f"[yellow]{log['level']}:[/] {escape(log['message'])}", soft_wrap=True)
