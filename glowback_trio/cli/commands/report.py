"""`glowback-trio report`: a run, an optimization or a comparison as one file to hand on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from glowback_trio.cli.commands.runs.examples import RUN_ID, make_command
from glowback_trio.cli.options.server_option import LOCAL_SERVER, ServerOption
from glowback_trio.cli.options.store_option import FORMS, place_of
from glowback_trio.client import Client
from glowback_trio.client.files import REPORT_FORMS, ReportForm
from glowback_trio.errors import (
    DataError,
    InvalidRequestError,
    NotReadyError,
    Problem,
    UnknownRunError,
)
from glowback_trio.model.bounds import one_of
from glowback_trio.reports.subjects import Comparison
from glowback_trio.reports.writing import report
from glowback_trio.wire.exports.run_export import RunExport, load_export

__all__ = ["app"]

# Without the variable of `serve`, which would hide the server's own runs.
StoreOfRuns = Annotated[str | None, Parameter(name="--store", metavar=FORMS, show_default=False)]
FormOption = Annotated[ReportForm | None, Parameter(show_default=False)]

app = make_command(
    "report",
    f"{RUN_ID} --out report.html",
    "run.gbt --out report.html",
    f"{RUN_ID} --store sqlite:./runs.sqlite --form md",
    "RUN_A RUN_B RUN_C --out comparison.html",
)


@app.default
async def write_report(
    runs: list[str],
    /,
    *,
    out: Path | None = None,
    form: FormOption = None,
    store: StoreOfRuns = None,
    server: ServerOption = LOCAL_SERVER,
) -> None:
    """Write a report of a completed run or optimization, or a comparison of several runs.

    A report is one file that needs nothing else: HTML prints on A4 and opens without a network.
    `verify` computes it again.

    Args:
        runs: Ids of runs, or of an optimization, on the server, or in a store with --store; or
            files of exports. Several runs are compared.
        out: The file to write; its ending names the form. Left out, the report is printed.
        form: The form, 'html', 'md' or 'json'; left out, by the ending of --out, else 'md'.
        store: The store that has the runs.
        server: The server that has them.
    """
    chosen = _form(form, out)
    files = [each for each in runs if _is_file(each)]
    if files and len(files) < len(runs):
        message = "should be files only, or ids only: a comparison is made of one kind"
        raise InvalidRequestError([Problem("value_error", ("RUN",), message)])
    if files or store is not None:
        text = _written([_export(each, store) for each in runs], chosen)
    else:
        async with server.open_client() as client:
            text = await _fetched(client, runs, chosen)
    _put(text, out)


def _is_file(run: str) -> bool:
    return Path(run).is_file()


def _form(form: ReportForm | None, out: Path | None) -> ReportForm:
    if form is not None:
        return form
    if out is None:
        return "md"
    ending = out.suffix.lower().removeprefix(".")
    for known in REPORT_FORMS:
        if ending == known:
            return known
    message = f"should end with .{', .'.join(REPORT_FORMS)}; or give --form, {one_of(REPORT_FORMS)}"
    raise InvalidRequestError([Problem("value_error", ("--out",), message, str(out))])


def _export(run: str, store: str | None) -> RunExport:
    if _is_file(run):
        return load_export(Path(run))
    return place_of(store).export(run)


def _written(runs: Sequence[RunExport], form: ReportForm) -> str:
    return report(runs[0] if len(runs) == 1 else Comparison(runs), form=form)


async def _fetched(client: Client, runs: Sequence[str], form: ReportForm) -> str:
    if len(runs) > 1:
        return await client.report(runs, form=form)
    try:
        return await client.report(runs[0], form=form)
    except NotReadyError as error:
        error.add_note(f"wait for its end: `glowback-trio watch {runs[0]}`")
        raise
    except UnknownRunError as error:
        # The id may be that of an optimization; if it is neither, the run is what was meant.
        try:
            return await client.optimization(runs[0]).report(form=form)
        except UnknownRunError:
            raise error from None


def _put(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="")  # noqa: T201 - this is the command's output
        return
    try:
        out.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        why = error.strerror or error
        raise DataError(f"{out} cannot be written: {why}; name another file with --out") from error
