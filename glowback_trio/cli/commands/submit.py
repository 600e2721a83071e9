"""`glowback-trio submit`: submit a backtest to a server."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from glowback_trio.cli.options.backtest_options import BacktestOptions
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption

__all__ = ["app"]

_EXAMPLES = """\
Examples:

  glowback-trio submit --symbols AAPL --start 2015-01-01 --end 2020-12-31
  glowback-trio stream "$(glowback-trio submit --symbols AAPL,SPY \\
      --start 2015-01-01 --end 2020-12-31 --strategy rsi)"
"""

app = App(name="submit", help_epilogue=_EXAMPLES, help_format="plaintext")


@app.default
async def submit(
    options: BacktestOptions,
    *,
    idempotency_key: Annotated[str | None, Parameter(show_default=False)] = None,
    server: ServerOption = LOCAL_SERVER,
) -> None:
    """Submit a backtest to a server, and print the id of its run.

    Args:
        options: The backtest.
        idempotency_key: The same request sent again with the same key starts no second run.
        server: The server.
    """
    request = options.request()
    async with server.open_client() as client:
        status = await client.submit(request, idempotency_key=idempotency_key)
    print(status.run_id)  # noqa: T201 - this is the command's output
