"""`glowback-trio watch`: a run of a server, live in the terminal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, suppress
from functools import partial
from typing import Annotated

import trio
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from glowback_trio.cli.commands.runs.examples import RUN_ID, make_command
from glowback_trio.cli.messages import print_error, print_note
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.cli.progress import RunView, draw
from glowback_trio.cli.summary import SUMMARY_BLOCKS, SUMMARY_POINTS, print_summary
from glowback_trio.client import Client, EventStream
from glowback_trio.errors import GlowbackError
from glowback_trio.model.events import Event
from glowback_trio.model.lifecycle import State

__all__ = ["app"]

_ALL_LEVELS = ("info", "warning", "error")
# Without a terminal, a line at every tenth of the run.
_LINES = 10
# Without an event for as long, the run may have been paused.
_SILENT_S = 2.0

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
    console, view, result = Console(), RunView(), None
    # The command's own messages would tear the drawing apart if they were not printed through it.
    on_terminal = console.is_terminal and not json
    note = partial(console.print, markup=False) if on_terminal else print_note
    async with server.open_client() as client:
        view.paused = (await client.status(run_id)).paused
        async with (
            client.stream(run_id, retry_for=retry_for, on_retry=note) as stream,
            aclosing(_asking(stream, client, run_id, view)) as events,
        ):
            if json:
                await _print_documents(events, view, run_id)
            elif on_terminal:
                await draw(_without_pauses(events), console, view, _ALL_LEVELS)
            else:
                await _print_lines(events, view)
        if view.state == State.COMPLETED and not json:
            result = await client.results(run_id, include=SUMMARY_BLOCKS, max_points=SUMMARY_POINTS)
    if result is not None:
        print_summary(result, console)
    if view.state != State.COMPLETED:
        print_error(f"Run {view.state}: {view.error}")
    return 0 if view.state == State.COMPLETED else 1


async def _asking(
    stream: EventStream, client: Client, run_id: str, view: RunView
) -> AsyncGenerator[Event | None, None]:
    """Yield the events of a stream, and None whenever the run was paused or resumed.

    No event says that a run is paused, so its status is asked for while no event comes.
    """
    if view.paused:
        yield None
    while True:
        event = None
        # Waiting for an event may be cancelled without losing one.
        with trio.move_on_after(_SILENT_S):
            try:
                event = await anext(stream)
            except StopAsyncIteration:
                return
        # The stream itself reports that the server cannot be reached.
        paused = False
        if event is None:
            with suppress(GlowbackError):
                paused = (await client.status(run_id)).paused
        if paused != view.paused:
            view.paused = paused
            yield None
        if event is not None:
            yield event


async def _without_pauses(
    events: AsyncIterable[Event | None],
) -> AsyncGenerator[Event, None]:
    async for event in events:
        if event is not None:
            yield event


async def _print_documents(events: AsyncIterable[Event | None], view: RunView, run_id: str) -> None:
    async for event in events:
        if event is not None:
            view.take(event)
        if event is None or event.type in ("state", "progress"):
            print_json(view.document(run_id))
        elif event.type == "log":
            print_json(view.document(run_id, event.payload))


async def _print_lines(events: AsyncIterable[Event | None], view: RunView) -> None:
    printed = 0
    async for event in events:
        if event is None:
            _print_line(view.line())
            continue
        view.take(event)
        if event.type == "log":
            _print_line(f"{event.payload['level']}: {event.payload['message']}")
        elif event.type == "progress" and (reached := int(view.progress * _LINES)) > printed:
            printed = reached
            _print_line(view.line())


def _print_line(line: str) -> None:
    # Flushed, because whoever reads a pipe watches, too.
    print(line, flush=True)  # noqa: T201 - this is the command's output
