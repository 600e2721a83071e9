"""`glowback-trio list`: the runs of a server, told apart by their parameters and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import trio
from attrs import frozen
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glowback_trio.cli.commands.runs.examples import make_command
from glowback_trio.cli.facts import backtest_line, moment, state_words
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.cli.summary import change
from glowback_trio.client import Client
from glowback_trio.errors import ResultUnavailableError, UnknownRunError
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.short_repr import clip
from glowback_trio.model.stream_protocol import StateName
from glowback_trio.wire.statuses import status_document

__all__ = ["app"]

# Requests to the server at once: each run has a request and a result of its own.
_AT_ONCE = 8
_ERROR = 60  # characters of an error, which `show` prints whole
# A table in a pipe: nothing may be folded, because programs read it line by line.
_PIPE = 1000

app = make_command(
    "list",
    "",
    "--state running",
    "--tag trend --since 2026-01-01",
    "--limit 200 --json | jq -r .run_id",
)


@frozen
class _Listed:
    """A run with what tells it from others: None where the server has no more of it.

    Attributes:
        status: Its status.
        request: The document of its request.
        metrics: The metrics of a completed run.
    """

    status: Status
    request: Mapping[str, Any] | None
    metrics: Mapping[str, Any] | None

    @property
    def backtest(self) -> str:
        """Labels, strategy, symbols and the like."""
        tags = " ".join(f"#{tag}" for tag in self.status.tags)
        line = "" if self.request is None else backtest_line(self.request)
        return "; ".join(filter(None, (self.status.name, tags, line)))

    @property
    def result(self) -> str:
        """The total return, or why there is none."""
        if self.metrics is not None:
            return change(self.metrics["total_return"])
        return clip(self.status.error or "", _ERROR)


@app.default
async def list_runs(
    *,
    state: StateName | None = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=200))] = 50,
    before: str | None = None,
    tag: str | None = None,
    q: str | None = None,
    search: str | None = None,
    strategy: str | None = None,
    symbol: str | None = None,
    since: str | None = None,
    json: JsonOption = False,
    server: ServerOption = LOCAL_SERVER,
) -> None:
    """List the runs of a server, newest first, with their requests and total returns.

    Args:
        state: List only runs in this state.
        limit: The most runs to list, from 1 to 200.
        before: Id of a run; list only runs older than it.
        tag: List only runs with this tag.
        q: List only runs whose name, note or tags hold this text.
        search: List only runs in whose id, labels, strategy or symbols this text occurs.
        strategy: List only runs of this strategy.
        symbol: List only runs with this symbol.
        since: List only runs that were queued at this time or later; UTC if it has no offset.
        json: Print status, request and metrics_summary of each run as JSON, one object per line.
        server: The server.
    """
    async with server.open_client() as client:
        found = await client.list(
            state=state,
            limit=limit,
            before=before,
            tag=tag,
            q=q,
            search=search,
            strategy=strategy,
            symbol=symbol,
            since=since,
        )
        runs = await _details(client, found)
    if json:
        for run in runs:
            more = {"request": run.request, "metrics_summary": run.metrics}
            print_json({**status_document(run.status), **more})
    elif not runs:
        _print_nothing(state, any((before, tag, q, search, strategy, symbol, since)))
    else:
        _print_runs(runs, Console(markup=False, highlight=False))


async def _details(client: Client, statuses: Sequence[Status]) -> Sequence[_Listed]:
    """Get requests and metrics of some runs, a few at once."""
    found: dict[str, _Listed] = {}
    limit = trio.CapacityLimiter(_AT_ONCE)

    async def get(status: Status) -> None:
        request = metrics = None
        async with limit:
            # Any run may be deleted while the list is made.
            with suppress(UnknownRunError, ResultUnavailableError):
                request = await client.request(status.run_id)
                if status.state is State.COMPLETED:
                    result = await client.results(status.run_id, include=["metrics_summary"])
                    metrics = result["metrics_summary"]
        found[status.run_id] = _Listed(status, request, metrics)

    async with trio.open_nursery() as nursery:
        for status in statuses:
            nursery.start_soon(get, status)
    return [found[status.run_id] for status in statuses]


def _print_nothing(state: str | None, filtered: bool) -> None:  # noqa: FBT001 - private
    which = "" if state is None else f"{state} "
    such = "such runs" if filtered else "runs"
    Console().print(f"The server has no {which}{such}.", highlight=False)


def _print_runs(runs: Sequence[_Listed], console: Console) -> None:
    if console.is_terminal:
        _print_on_terminal(runs, console)
        return
    table = Table("Run", "State", "Created", "Result", "Backtest", box=SIMPLE)
    for run in runs:
        table.add_row(*_head(run.status), run.result, run.backtest)
    console.width = _PIPE
    console.print(table)


def _print_on_terminal(runs: Sequence[_Listed], console: Console) -> None:
    """Print two lines per run, of which the first fits 80 columns unless an error is long."""
    for run in runs:
        run_id, state, created = _head(run.status)
        console.print(f"{run_id}  {state:<11}  {created}  {run.result}", soft_wrap=True)
        console.print(f"  {run.backtest}", style="dim", soft_wrap=True)


def _head(status: Status) -> tuple[str, str, str]:
    return status.run_id, state_words(status), moment(status.created_at)
