"""`glowback-trio submit`: start a backtest on a server."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from glowback_trio.cli.options.backtest_options import Asked
from glowback_trio.cli.options.server_option import LOCAL, Remote

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
    asked: Asked,
    *,
    idempotency_key: Annotated[str | None, Parameter(show_default=False)] = None,
    remote: Remote = LOCAL,
) -> None:
    """Start a backtest on a server and print the id of its run.

    Args:
        asked: The backtest.
        idempotency_key: Marks this very request: sent again with the same mark, it starts no second
            run.
        remote: The server.
    """
    request = asked.request()
    async with remote.opened() as client:
        status = await client.submit(request, idempotency_key=idempotency_key)
    print(status.run_id)  # noqa: T201 - this is the command's output
