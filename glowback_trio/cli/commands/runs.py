"""`glowback-trio list`, `show`, `results` and `cancel`: look at the runs of a server."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.client import File
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.stream_protocol import StateName
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.statuses import status_document

__all__ = ["cancel_app", "list_app", "results_app", "show_app"]

# Least widths in characters: of a run's description, and of a table on a terminal and in a pipe.
_DESCRIPTION, _TERMINAL, _PIPE = 20, 110, 1000

# For the examples.
_RUN_ID = "6f1c2a4e-0d6b-4f2e-9a35-0d9f3f1f2b11"

Json = Annotated[bool, Parameter(negative_bool=(), show_default=False)]


def _command(name: str, *examples: str) -> App:
    epilogue = "\n".join(
        ["Examples:", "", *(f"  glowback-trio {name} {each}" for each in examples)]
    )
    return App(name=name, help_format="plaintext", help_epilogue=f"{epilogue}\n")


list_app = _command("list", "--state running", "--limit 200 --json | jq -r .run_id")
show_app = _command("show", _RUN_ID, f"{_RUN_ID} --json | jq .progress")
results_app = _command(
    "results",
    f"{_RUN_ID} > result.json",
    f"{_RUN_ID} \\\n      --max-points 500 | jq .equity_curve",
    f"{_RUN_ID} \\\n      equity.csv > equity.csv",
)
cancel_app = _command("cancel", _RUN_ID)


@list_app.default
async def list_runs(
    *,
    state: StateName | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=200))] = 50,
    before: str | None = None,
    json: Json = False,
    server: ServerOption = LOCAL_SERVER,
) -> None:
    """List the runs of a server, newest first.

    Args:
        state: List only runs in this state.
        limit: The most runs to list, from 1 to 200.
        before: Id of a run; list only runs older than it.
        json: Print each status as JSON, one object per line.
        server: The server.
    """
    async with server.open_client() as client:
        runs = await client.list(state=state, limit=limit, before=before)
    if json:
        for status in runs:
            _print_json(status_document(status))
        return
    _print_table(runs)


@show_app.default
async def show(run_id: str, *, json: Json = False, server: ServerOption = LOCAL_SERVER) -> None:
    """Print the status of a run.

    Args:
        run_id: Id of the run.
        json: Print the status as JSON.
        server: The server.
    """
    async with server.open_client() as client:
        status = await client.status(run_id)
    if json:
        _print_json(status_document(status))
    else:
        _print_status(status)


@results_app.default
async def results(
    run_id: str,
    file: File = "results",
    *,
    include: Annotated[list[str] | None, Parameter(negative_iterable=())] = None,
    max_points: int | None = None,
    server: ServerOption = LOCAL_SERVER,
) -> None:
    """Print the result of a completed run, or a table of it.

    Args:
        run_id: Id of the run.
        file: 'results' for the whole result as JSON, or a table of it.
        include: Fill only these blocks of the JSON, such as 'equity_curve,trades'.
        max_points: Downsample the curves in the JSON to this many bars, keeping extremes.
        server: The server.
    """
    stdout = sys.stdout.buffer
    async with server.open_client() as client:
        await client.download(run_id, stdout.write, file, include=include, max_points=max_points)
    # The tables end with a newline of their own, the JSON does not.
    if file == "results":
        stdout.write(b"\n")


@cancel_app.default
async def cancel(run_id: str, *, server: ServerOption = LOCAL_SERVER) -> None:
    """Cancel a run. Nothing changes if it has ended already.

    Args:
        run_id: Id of the run.
        server: The server.
    """
    async with server.open_client() as client:
        await client.cancel(run_id)


def _print_json(document: object) -> None:
    sys.stdout.buffer.write(dumps(document) + b"\n")


def _print_table(runs: Iterable[Status]) -> None:
    table = Table(box=SIMPLE)
    for heading in ("Run", "State", "Created"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Backtest", overflow="fold", min_width=_DESCRIPTION)
    for status in runs:
        table.add_row(status.run_id, _state(status), _time(status.created_at), _description(status))
    console = Console(markup=False, highlight=False)
    # Lines that the terminal wraps are easier to read than columns folded by the table. In a pipe
    # nothing may be folded, because programs read it line by line.
    console.width = max(console.width, _TERMINAL if console.is_terminal else _PIPE)
    console.print(table)


def _state(status: Status) -> str:
    return status.state if status.finished else f"{status.state} {status.progress:.0%}"


def _description(status: Status) -> str:
    first, more = ", ".join(status.symbols[:3]), len(status.symbols) - 3
    symbols = f"{first} and {more} more" if more > 0 else first
    return f"{status.strategy}: {symbols}"


def _print_status(status: Status) -> None:
    table = Table.grid(padding=(0, 2))
    facts = {
        "Run": status.run_id,
        "State": _state(status),
        "Error": status.error,
        "Strategy": status.strategy,
        "Symbols": ", ".join(status.symbols),
        "Events": f"{status.event_count:,}",
        "Created": _time(status.created_at),
        "Started": _time(status.started_at),
        "Finished": _time(status.finished_at),
    }
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, value)
    Console(markup=False, highlight=False).print(table)


def _time(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%d %H:%M}Z"
