"""`glowback-trio watch`: a run of a server, live in the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from glowback_trio.cli.commands.runs.examples import RUN_ID, make_command
from glowback_trio.cli.messages import print_error, print_note
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.cli.progress import RunView, draw
from glowback_trio.cli.summary import SUMMARY_BLOCKS, SUMMARY_POINTS, print_summary
from glowback_trio.model.events import Event
from glowback_trio.model.lifecycle import State

__all__ = ["app"]

_ALL_LEVELS = ("info", "warning", "error")
# Without a terminal, a line at every tenth of the run.
_LINES = 10

app = make_command(
    "watch", RUN_ID, f"{RUN_ID} --json | jq -r .equity", '"$(glowback-trio submit request.json)"'
)


@app.default
async def watch(
    run_id: str,
    *,
    json: JsonOption = False,
    retry_for: Annotated[float, Parameter(validator=Number(gte=0))] = 60.0,
    server: ServerOption = LOCAL_SERVER,
) -> int:
    """Watch a run until it ends: progress, equity, what it logs, and at the end its summary.

    A lost connection is made again and resumed. Without a terminal, a line is
    printed at every tenth of the run. The exit code is 0 if the run completed,
    and 1 otherwise.

    Args:
        run_id: Id of the run.
        json: Print each change as JSON, one object per line.
        retry_for: Seconds to try to reconnect before giving up.
        server: The server.
    """
    console, result = Console(), None
    # The command's own messages would tear the drawing apart if they were not printed through it.
    on_terminal = console.is_terminal and not json
    note = console.print if on_terminal else print_note
    async with server.open_client() as client:
        if (await client.status(run_id)).paused:
            note(f"the run is paused; `glowback-trio resume {run_id}` lets it go on")
        async with client.stream(run_id, retry_for=retry_for, on_retry=note) as events:
            if json:
                view = await _print_documents(events, run_id)
            elif on_terminal:
                view = await draw(events, console, _ALL_LEVELS)
            else:
                view = await _print_lines(events)
        if view.state == State.COMPLETED and not json:
            result = await client.results(run_id, include=SUMMARY_BLOCKS, max_points=SUMMARY_POINTS)
    if result is not None:
        print_summary(result, console)
    if view.state != State.COMPLETED:
        print_error(f"Run {view.state}: {view.error}")
    return 0 if view.state == State.COMPLETED else 1


async def _print_documents(events: AsyncIterable[Event], run_id: str) -> RunView:
    view = RunView()
    async for event in events:
        view.take(event)
        if event.type in ("state", "progress"):
            print_json(view.document(run_id))
        elif event.type == "log":
            print_json(view.document(run_id, event.payload))
    return view


async def _print_lines(events: AsyncIterable[Event]) -> RunView:
    view, printed = RunView(), 0
    async for event in events:
        view.take(event)
        if event.type == "log":
            _print_line(f"{event.payload['level']}: {event.payload['message']}")
        elif event.type == "progress" and (reached := int(view.progress * _LINES)) > printed:
            printed = reached
            _print_line(view.line())
    return view


def _print_line(line: str) -> None:
    # Flushed, because whoever reads a pipe watches, too.
    print(line, flush=True)  # noqa: T201 - this is the command's output
