"""`glowback-trio show`: what a run was asked to do, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from glowback_trio.cli.commands.runs.examples import RUN_ID, make_command
from glowback_trio.cli.facts import request_facts, status_facts
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.cli.summary import SUMMARY_BLOCKS, SUMMARY_POINTS, print_summary
from glowback_trio.model.lifecycle import State
from glowback_trio.wire.statuses import status_document

__all__ = ["app"]

app = make_command("show", RUN_ID, f"{RUN_ID} --json | jq .request > request.json")


@app.default
async def show(
    run_id: str, *, json: JsonOption = False, server: ServerOption = LOCAL_SERVER
) -> None:
    """Print the status of a run, its request and, if it has completed, its summary.

    Args:
        run_id: Id of the run.
        json: Print the status as JSON, with the request and the result's metrics_summary.
        server: The server.
    """
    async with server.open_client() as client:
        status = await client.status(run_id)
        request = await client.request(run_id)
        result = None
        if status.state is State.COMPLETED:
            result = await client.results(run_id, include=SUMMARY_BLOCKS, max_points=SUMMARY_POINTS)
    if json:
        metrics = result and result["metrics_summary"]
        document = {**status_document(status), "request": request, "metrics_summary": metrics}
        print_json(document)
        return
    console = Console()
    _print_facts({**status_facts(status), **request_facts(request)}, console)
    if result is not None:
        print_summary(result, console)


def _print_facts(facts: Mapping[str, str | None], console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None:
            table.add_row(name, value)
    console.print(table, markup=False, highlight=False)
