"""Reports over HTTP: of runs, comparisons and optimizations, in every form.

Doctrine: what a server sends is what `report` writes of the same run, with the labels, the log and
the ledger of the server; a page has a policy of its own, under which nothing but its style counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from quart.typing import TestClientProtocol as Client
from support.served_searches import ended

from glowback_trio import Comparison, ReportedRun, Run, report
from glowback_trio.actors import Gateway
from glowback_trio.reports.html.writing import content_policy

Submit = Callable[..., Run]
MEDIA = {
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
}


async def known_of(gateway: Gateway, run: Run) -> ReportedRun:
    result = await run.load_result()
    (*_, end) = await run.load_events()
    return ReportedRun(
        result,
        run.run_id,
        labels=attrs.asdict(run.status.labels),
        overfit=await gateway.ledger.doubts(run.request, result),
        log={name: end.payload[name] for name in ("event_count", "digest")},
    )


@pytest.mark.parametrize("form", ["html", "md", "json"])
async def test_a_run_has_a_report_in_every_form(
    client: Client, gateway: Gateway, finished: Run, form: Any
) -> None:
    await finished.label(name="A <b>run</b>", tags=("x",), note="é")
    response = await client.get(f"/v1/backtests/{finished.run_id}/report.{form}")
    assert response.status_code == 200
    assert (
        await response.get_data() == report(await known_of(gateway, finished), form=form).encode()
    )
    assert response.headers["Content-Type"] == MEDIA[form]
    name = f"report-{finished.run_id}.{form}"
    assert response.headers["Content-Disposition"] == f"inline; filename={name}"


async def test_a_page_is_shown_under_a_policy_that_runs_nothing(
    client: Client, finished: Run
) -> None:
    response = await client.get(f"/backtests/{finished.run_id}/report.html")
    policy = response.headers["Content-Security-Policy"]
    assert policy == f"{content_policy()}; frame-ancestors 'none'"
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


async def test_a_new_label_is_in_the_next_report(client: Client, finished: Run) -> None:
    path = f"/backtests/{finished.run_id}/report.md"
    assert "Renamed" not in await (await client.get(path)).get_data(as_text=True)
    await client.patch(f"/backtests/{finished.run_id}", json={"name": "Renamed"})
    assert "# Renamed\n" in await (await client.get(path)).get_data(as_text=True)


async def test_runs_are_compared(client: Client, gateway: Gateway, submit: Submit) -> None:
    runs = [submit(), submit(strategy={"name": "rsi"})]
    for run in runs:
        await run.wait_finished()
    ids = ",".join(run.run_id for run in runs)
    response = await client.get(f"/reports/comparison.html?runs={ids}")
    assert response.status_code == 200
    subject = Comparison([await known_of(gateway, run) for run in runs])
    assert await response.get_data(as_text=True) == report(subject)


async def test_an_optimization_has_a_report(client: Client, gateway: Gateway) -> None:
    optimization = await ended(gateway)
    path = f"/optimizations/{optimization.optimization_id}/report"
    response = await client.get(f"{path}.html")
    assert await response.get_data(as_text=True) == report(await optimization.load_result())
    told = await (await client.get(f"{path}.json")).get_json()
    assert told["sections"]["luck"]["ledger"]["trials_considered"] >= 1


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/backtests/{endless}/report.html", 409, "Results not ready"),
        ("/backtests/{cancelled}/report.md", 409, "Run cancelled: enough"),
        ("/backtests/{finished}/report.pdf", 404, "a report is had as html, md, json, not 'pdf'"),
        ("/backtests/nowhere/report.html", 404, "no run has this id"),
        ("/optimizations/nowhere/report.html", 404, "no optimization has this id"),
        ("/reports/comparison.pdf?runs=a,b", 404, "a report is had as"),
        ("/reports/comparison.html?runs={finished}", 422, "at least 2 items"),
        ("/reports/comparison.html?runs=" + ",".join("abcdefghijk"), 422, "at most 10 items"),
        ("/reports/comparison.html?runs={finished},nowhere", 404, "no run has this id"),
        ("/reports/comparison.html?runs={finished},{endless}", 409, "Results not ready"),
        ("/reports/comparison.html", 422, "runs"),
    ],
)
async def test_what_has_no_report_is_refused(
    client: Client, submit: Submit, path: str, status: int, words: str
) -> None:
    endless, cancelled = (submit(stream={"pace_bars_per_s": 0.001}) for _ in range(2))
    cancelled.cancel("enough")
    finished = submit()
    for run in (cancelled, finished):
        await run.wait_finished()
    ids = {"endless": endless, "cancelled": cancelled, "finished": finished}
    named = path.format(**{name: run.run_id for name, run in ids.items()})
    response = await client.get(named)
    assert response.status_code == status
    assert words in json.dumps(await response.get_json())


async def test_an_optimization_that_was_cancelled_is_refused(
    client: Client, gateway: Gateway
) -> None:
    optimization = await ended(gateway)
    other = gateway.optimize(optimization.request)
    other.pause()
    path = f"/optimizations/{other.optimization_id}/report.html"
    assert (await client.get(path)).status_code == 409
    other.cancel("enough")
    await other.wait_finished()
    response = await client.get(path)
    assert response.status_code == 409
    assert "a report is written of a completed one" in json.dumps(await response.get_json())
