"""`glowback-trio demo`: show a run from start to summary in a few seconds."""

from __future__ import annotations

from cyclopts import App
from rich.console import Console

from glowback_trio.actors import open_gateway
from glowback_trio.cli.progress import RunView, draw
from glowback_trio.cli.summary import brief, print_summary
from glowback_trio.data import demo_path
from glowback_trio.model.request import BacktestRequest, Execution, Stream
from glowback_trio.model.strategies.parameters import MaCrossover

__all__ = ["app"]

# 1,510 daily bars take a second and a half, slow enough to watch the progress bar.
_BARS_PER_SECOND = 1000.0

_NEXT = """\
Next: run a backtest of your own, and serve backtests over HTTP.

glowback-trio run --data demo --symbols SPY --start 2018-01-01 --end 2020-12-31
glowback-trio serve --data demo"""

app = App(name="demo", help_format="plaintext", help_epilogue="Example:\n\n  glowback-trio demo\n")


@app.default
async def demo() -> None:
    """Run a demo backtest on the shipped prices, and print its summary.

    It trades a moving average crossover on AAPL, SPY and IBM from 2015 to 2020.
    """
    stderr = Console(stderr=True)
    request = BacktestRequest(
        symbols=("AAPL", "SPY", "IBM"),
        start_date="2015-01-01",
        end_date="2020-12-31",
        strategy=MaCrossover(short_period=20, long_period=100, direction="long_only"),
        execution=Execution(slippage_bps=2.0, commission_bps=1.0),
        # Unpaced if there is no terminal to show the progress bar.
        stream=Stream(pace_bars_per_s=_BARS_PER_SECOND if stderr.is_terminal else None),
    )
    async with open_gateway(data=demo_path()) as gateway:
        run = gateway.submit(request)
        with run.subscribe() as events:
            await draw(events, stderr, RunView())
        result = run.result()
    stdout = Console()
    print_summary(brief(result), stdout)
    stdout.print(_NEXT, soft_wrap=True, highlight=False)
