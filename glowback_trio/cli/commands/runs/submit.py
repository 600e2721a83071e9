"""`glowback-trio submit`: submit a backtest to a server."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from glowback_trio.cli.options.backtest_options import NO_OPTIONS, BacktestOptions
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.request_file import RequestFile
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.wire.statuses import status_document

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio submit --symbols AAPL --start 2015-01-01 --end 2020-12-31
  glowback-trio submit request.json --symbols AAPL,SPY
  glowback-trio watch "$(glowback-trio submit --symbols AAPL,SPY \\
      --start 2015-01-01 --end 2020-12-31 --strategy rsi --pace 100)"
"""

app = App(name="submit", help_epilogue=_EXAMPLES, help_format="plaintext")


@app.default
async def submit(
    request: RequestFile = None,
    /,
    *,
    options: BacktestOptions = NO_OPTIONS,
    idempotency_key: Annotated[str | None, Parameter(show_default=False)] = None,
    json: JsonOption = False,
    server: ServerOption = LOCAL_SERVER,
) -> None:
    """Submit a backtest to a server, and print the id of its run.

    --symbols, --start and --end are required without a request file. Lists
    take commas and may be repeated. The server checks the request, and knows
    its custom strategies.

    Args:
        request: File with a request as JSON, as POST /backtests takes it; options override its
            fields.
        options: The backtest.
        idempotency_key: The same request sent again with the same key starts no second run.
        json: Print the status of the run as JSON.
        server: The server.
    """
    document = options.document(request)
    async with server.open_client() as client:
        with options.named_by_option():
            status = await client.submit(document, idempotency_key=idempotency_key)
    if json:
        print_json(status_document(status))
    else:
        print(status.run_id)  # noqa: T201 - this is the command's output
