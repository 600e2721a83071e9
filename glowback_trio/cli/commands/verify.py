"""`glowback-trio verify`: compute a finished run again, and say where it differs."""

from __future__ import annotations

from pathlib import Path

from glowback_trio.cli.commands.runs.examples import RUN_ID, make_command
from glowback_trio.cli.messages import print_error
from glowback_trio.cli.options.data_option import CacheOption, DataOption, open_catalogue
from glowback_trio.cli.options.output_option import JsonOption, print_json
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.cli.options.strategy_option import StrategiesOption, load_strategies
from glowback_trio.compute import verify
from glowback_trio.data import CACHE_NAME
from glowback_trio.model.short_repr import counted
from glowback_trio.reports.verification import is_report, verify_report
from glowback_trio.wire.exports.verdict import Verdict, verdict_document

__all__ = ["app"]

# Other than that of an error, so that scripts can tell a difference from a server that is away.
_DIFFERS = 3

app = make_command("verify", RUN_ID, "run.gbt --data ./prices", "report.html --data ./prices")


@app.default
async def verify_run(
    run: str,
    *,
    data: DataOption = "sample",
    cache: CacheOption = CACHE_NAME,
    strategies: StrategiesOption = None,
    json: JsonOption = False,
    server: ServerOption = LOCAL_SERVER,
) -> int:
    """Compute a finished run again, and say whether it is the same or where it first differs.

    A run is verified by its server, the file of an export or a report here, with --data. Of a
    report, all that it shows is compared. The exit code is 0 if it is the same, and 3 if it
    differs.

    Args:
        run: Id of the run, or the file of an export or a report.
        data: For a file: a directory of price files, 'demo' (shipped prices) or 'sample' (generated
            prices).
        cache: For a file: directory for parsed prices, relative to --data; 'off' disables the
            cache.
        strategies: For a file: custom strategies, as MODULE:ATTRIBUTE naming a class or a list of
            classes.
        json: Print the verdict as JSON.
        server: The server of the run.
    """
    if _is_file(run):
        classes = load_strategies(strategies or ())
        check = verify_report if is_report(Path(run)) else verify
        verdict = check(run, open_catalogue(data, cache), strategies=classes)
    else:
        async with server.open_client() as client:
            verdict = await client.verify(run)
    if json:
        print_json(verdict_document(verdict))
    else:
        _print(verdict)
    return 0 if verdict.same else _DIFFERS


def _is_file(run: str) -> bool:
    return Path(run).is_file()


def _print(verdict: Verdict) -> None:
    if verdict.difference is None:
        bars = f"the bars of {counted(verdict.symbols, 'symbol')}, " if verdict.symbols else ""
        # Of a report the log is not computed again, but its result and its text are.
        rest = counted(verdict.events, "event") if verdict.events else "the result, and the report"
        print(f"{verdict.run_id} is the same: {bars}{rest}")  # noqa: T201 - this is the command's output
        return
    print_error(f"{verdict.run_id}: {verdict.difference.message}")
    if verdict.computed_then_by not in (None, verdict.computed_now_by):
        versions = f"{verdict.computed_then_by} then, {verdict.computed_now_by} now"
        print_error(f"the package has another version: {versions}")
