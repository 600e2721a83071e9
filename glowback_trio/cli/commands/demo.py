"""`glowback-trio demo`: what this is, in three seconds."""

from __future__ import annotations

from cyclopts import App
from rich.console import Console

from glowback_trio.actors import open_gateway
from glowback_trio.cli.commands.watch import watch
from glowback_trio.cli.summary import print_summary
from glowback_trio.data import demo_path
from glowback_trio.model.request import BacktestRequest, Execution, Stream
from glowback_trio.model.strategies.parameters import MaCrossover

__all__ = ["app"]

# 1,510 daily bars in a second and a half: slow enough to be seen.
_BARS_PER_SECOND = 1000.0

_NEXT = """\
Next: your own run, and the same over HTTP.

glowback-trio run --data demo --symbols SPY --start 2018-01-01 --end 2020-12-31
glowback-trio serve --data demo"""

app = App(name="demo", help_format="plaintext", help_epilogue="Example:\n\n  glowback-trio demo\n")


@app.default
async def demo() -> None:
    """Run a moving average crossover on the prices that come with the package."""
    watched = Console(stderr=True)
    request = BacktestRequest(
        symbols=("AAPL", "SPY", "IBM"),
        start_date="2015-01-01",
        end_date="2020-12-31",
        strategy=MaCrossover(short_period=20, long_period=100, direction="long_only"),
        execution=Execution(slippage_bps=2.0, commission_bps=1.0),
        stream=Stream(pace_bars_per_s=_BARS_PER_SECOND if watched.is_terminal else None),
    )
    async with open_gateway(data=demo_path()) as gateway:
        run = gateway.submit(request)
        await watch(run, watched, warnings=False)  # the shipped prices' gaps are market holidays
        result = run.result()
    shown = Console()
    print_summary(request, result, shown)
    shown.print(_NEXT, soft_wrap=True, highlight=False)
