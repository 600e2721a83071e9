"""`glowback-trio gateways`: the gateways that share the store of a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glowback_trio.cli.commands.runs.examples import make_command
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption

__all__ = ["app"]

_WIDE = 1000  # nothing is folded in a pipe, which programs read line by line

app = make_command("gateways", "", "--url https://backtests.example.org", "--json | jq -r .address")


@app.default
async def gateways(*, json: JsonOption = False, server: ServerOption = LOCAL_SERVER) -> None:
    """List the gateways that share the store of a server, oldest first.

    Any of them answers any request. One that is away has let its lease expire: the others take over
    its runs.

    Args:
        json: Print each gateway as JSON, one object per line.
        server: The server.
    """
    async with server.open_client() as client:
        found = await client.gateways()
    if json:
        for each in found:
            print_json(each)
        return
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = _WIDE
    table = Table("gateway", "runs", "state", "address", "name", "version", box=SIMPLE)
    for each in found:
        table.add_row(*_row(each))
    console.print(table)


def _row(gateway: Mapping[str, Any]) -> list[str]:
    epoch, own = gateway["epoch"], " (this one)" if gateway["self"] else ""
    return [
        f"{'-' if epoch is None else epoch}{own}",
        str(gateway["runs_held"]),
        "alive" if gateway["alive"] else "away",
        gateway["address"] or "-",
        gateway["name"],
        gateway["version"],
    ]
