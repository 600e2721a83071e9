"""`glowback-trio list`, `show`, `results` and `cancel`: the runs of a server."""

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

# Characters: what a run is called, a line on a terminal, and one that is read by a program.
_READABLE, _LINE, _PIPED = 20, 110, 1000

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
    f"{_RUN_ID} --max-points 500 | jq .equity_curve",
    f"{_RUN_ID} equity.csv > equity.csv",
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
        state: Only runs in this state.
        limit: At most so many, from 1 to 200.
        before: Only runs that are older than this one.
        json: Print each run's status as JSON, one object a line.
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
    """Show where a run stands.

    Args:
        run_id: The run.
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
        run_id: The run.
        file: 'results' for JSON, or a table of it.
        include: In the JSON, fill only these blocks, such as 'equity_curve,trades'.
        max_points: In the JSON, thin the curves to so many bars at most, keeping extremes.
        server: The server.
    """
    stdout = sys.stdout.buffer
    async with server.open_client() as client:
        await client.download(run_id, stdout.write, file, include=include, max_points=max_points)
    if file == "results":
        stdout.write(b"\n")


@cancel_app.default
async def cancel(run_id: str, *, server: ServerOption = LOCAL_SERVER) -> None:
    """Cancel a run; one that has ended stays as it is.

    Args:
        run_id: The run.
        server: The server.
    """
    async with server.open_client() as client:
        await client.cancel(run_id)


def _print_json(document: object) -> None:
    sys.stdout.buffer.write(dumps(document) + b"\n")


def _print_table(runs: Iterable[Status]) -> None:
    table = Table(box=SIMPLE)
    for whole in ("Run", "State", "Created"):
        table.add_column(whole, no_wrap=True)
    table.add_column("Backtest", overflow="fold", min_width=_READABLE)
    for status in runs:
        table.add_row(status.run_id, _state(status), _moment(status.created_at), _subject(status))
    console = Console(markup=False, highlight=False)
    # A terminal folds a long line better than a table folds a narrow column; a pipe has no width.
    console.width = max(console.width, _LINE if console.is_terminal else _PIPED)
    console.print(table)


def _state(status: Status) -> str:
    return status.state if status.finished else f"{status.state} {status.progress:.0%}"


def _subject(status: Status) -> str:
    first, more = ", ".join(status.symbols[:3]), len(status.symbols) - 3
    return (
        f"{status.strategy}: {first} and {more} more" if more > 0 else f"{status.strategy}: {first}"
    )


def _print_status(status: Status) -> None:
    table = Table.grid(padding=(0, 2))
    facts = {
        "Run": status.run_id,
        "State": _state(status),
        "Error": status.error,
        "Strategy": status.strategy,
        "Symbols": ", ".join(status.symbols),
        "Events": f"{status.event_count:,}",
        "Created": _moment(status.created_at),
        "Started": _moment(status.started_at),
        "Finished": _moment(status.finished_at),
    }
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, value)
    Console(markup=False, highlight=False).print(table)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M}Z"
