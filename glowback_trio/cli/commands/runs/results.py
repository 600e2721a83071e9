"""`glowback-trio results`: the result of a completed run, or a table of it."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from glowback_trio.cli.commands.runs.examples import RUN_ID, make_command
from glowback_trio.cli.options.lists import LISTED
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.client import File

__all__ = ["app"]

app = make_command(
    "results",
    f"{RUN_ID} > result.json",
    f"{RUN_ID} \\\n      --max-points 500 | jq .equity_curve",
    f"{RUN_ID} \\\n      --from 2024-02-01 --to 2024-02-29 --include equity_curve,trades",
    f"{RUN_ID} \\\n      equity.csv > equity.csv",
)


@app.default
async def results(
    run_id: str,
    file: File = "results",
    *,
    include: Annotated[list[str] | None, LISTED] = None,
    max_points: int | None = None,
    from_: Annotated[str | None, Parameter(name="--from", show_default=False)] = None,
    to: Annotated[str | None, Parameter(show_default=False)] = None,
    server: ServerOption = LOCAL_SERVER,
) -> None:
    """Print the result of a completed run, or a table of it.

    Args:
        run_id: Id of the run.
        file: 'results' for the whole result as JSON, or a table of it.
        include: Fill only these blocks of the JSON, such as 'equity_curve,trades'.
        max_points: Downsample the curves in the JSON to this many bars, keeping extremes.
        from_: Only rows of the JSON at this time or later, such as 2024-02-01.
        to: Only rows of the JSON at this time or earlier.
        server: The server.
    """
    stdout = sys.stdout.buffer
    async with server.open_client() as client:
        await client.download(
            run_id, stdout.write, file, include=include, max_points=max_points, from_=from_, to=to
        )
    # The tables end with a newline of their own, the JSON does not.
    if file == "results":
        stdout.write(b"\n")
