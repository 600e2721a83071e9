"""The files that a result can be downloaded as, reports, and the reason why there are none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal, get_args

from glowback_trio.client.http_api import HttpApi, Moment, given
from glowback_trio.client.responses import status_of
from glowback_trio.client.subjects import Subject, run_subject
from glowback_trio.errors import (
    InvalidRequestError,
    NotReadyError,
    Problem,
    ServerRefusedError,
    UnknownRunError,
)
from glowback_trio.model.bounds import one_of

__all__ = [
    "FILES",
    "REPORT_FORMS",
    "File",
    "ReportForm",
    "explaining_no_result",
    "file_parameters",
    "report_of",
    "result_parameters",
    "run_report",
]

File = Literal[
    "results",
    "equity.csv",
    "equity.ndjson",
    "equity.parquet",
    "trades.csv",
    "trades.ndjson",
    "trades.parquet",
    "orders.csv",
    "orders.ndjson",
    "orders.parquet",
]
FILES: tuple[File, ...] = get_args(File)

# A run without a result is refused with this status; its own status says why.
_CONFLICT = 409

ReportForm = Literal["html", "md", "json"]
REPORT_FORMS: tuple[ReportForm, ...] = get_args(ReportForm)


def result_parameters(
    include: Sequence[str] | None, max_points: int | None, from_: Moment, to: Moment
) -> Mapping[str, str]:
    """Return the query parameters of a request for a result."""
    blocks = None if include is None else ",".join(include)
    return given(include=blocks, max_points=max_points, from_=from_, to=to)


def file_parameters(
    file: str, include: Sequence[str] | None, max_points: int | None, from_: Moment, to: Moment
) -> Mapping[str, str]:
    """Return the query parameters of a request for a file.

    Raises:
        InvalidRequestError: There is no such file; or it is a table, which takes no parameters.
    """
    if file not in FILES:
        message = f"Input should be {one_of(FILES)}"
        raise InvalidRequestError([Problem("literal_error", ("file",), message, file)])
    parameters = result_parameters(include, max_points, from_, to)
    if file != "results" and parameters:
        message = f"Input should be given for 'results' only; {file} is always complete"
        problems = [Problem("conflict", (name,), message, parameters[name]) for name in parameters]
        raise InvalidRequestError(problems)
    return parameters


async def run_report(api: HttpApi, run: str | Sequence[str], form: ReportForm) -> str:
    """Return the report of a run, or the comparison of several.

    Raises:
        InvalidRequestError: There is no such form, or there are too few or too many runs.
        UnknownRunError: There is no such run.
        ServerRefusedError: One has not completed.
    """
    if isinstance(run, str):
        return await report_of(api, run_subject(run), form)
    return await _comparison(api, run, form)


async def _comparison(api: HttpApi, runs: Sequence[str], form: ReportForm) -> str:
    for run_id in runs:
        run_subject(run_id).path()  # an id with a comma would be several
    named = ", ".join(runs)
    subject = Subject("/reports", "comparison", lambda _words: UnknownRunError(named))
    return await _text(api, subject, f".{_known(form)}", {"runs": ",".join(runs)})


async def report_of(api: HttpApi, subject: Subject, form: ReportForm) -> str:
    """Return the report of a run or an optimization; see `run_report`."""
    return await _text(api, subject, f"/report.{_known(form)}", {})


def _known(form: ReportForm) -> ReportForm:
    if form not in REPORT_FORMS:
        message = f"Input should be {one_of(REPORT_FORMS)}"
        raise InvalidRequestError([Problem("literal_error", ("form",), message, form)])
    return form


async def _text(api: HttpApi, subject: Subject, resource: str, query: dict[str, str]) -> str:
    chunks: list[bytes] = []
    await api.download(subject, resource, query, chunks.append)
    return b"".join(chunks).decode()


@asynccontextmanager
async def explaining_no_result(api: HttpApi, run_id: str | None) -> AsyncIterator[None]:
    """Replace the refusal of a result, in a block, by the error that says why there is none.

    Args:
        api: The API of the server.
        run_id: The run; None: of several runs, so that the refusal stays.
    """
    try:
        yield
    except ServerRefusedError as error:
        if run_id is None or error.status != _CONFLICT:
            raise
        status = status_of(await api.request_about(run_subject(run_id), "GET"))
        # A run that has completed since then was not ready when its result was requested.
        raise status.result_error or NotReadyError() from None
