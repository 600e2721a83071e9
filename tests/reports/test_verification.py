"""Verifying reports: what they are about is computed again, and all that they show is compared.

Rule: whatever is changed in a report is found, be it a number, a digest, the request or the prices.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from glowback_trio import (
    BacktestRequest,
    BuyAndHold,
    Comparison,
    MaCrossover,
    OptimizationRequest,
    Parameter,
    ReportedRun,
    Result,
    SearchSpace,
    backtest,
    load_dataset,
    optimize,
    report,
    verify_report,
)
from glowback_trio.errors import DamagedError, DataError

REQUEST = BacktestRequest(
    symbols=["AAPL", "IBM"],
    start_date="2019-01-01",
    end_date="2020-12-31",
    strategy=MaCrossover(short_period=5, long_period=20),
    benchmark_symbol="SPY",
)


def demo_run(request: BacktestRequest = REQUEST) -> Result:
    return backtest(request, load_dataset(request, "demo"))


RESULT = demo_run()
RUN = ReportedRun(
    RESULT,
    "run-1",
    labels={"name": "A & <b>", "tags": ("x",), "note": "über"},
    overfit={"trials": 3, "effective_trials": 2, "deflated_sharpe_ratio": 0.5},
)


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[str], Path]:
    def keep(text: str) -> Path:
        path = tmp_path / "report"
        path.write_text(text, "utf-8")
        return path

    return keep


Keep = Callable[[str], Path]


@pytest.mark.parametrize("form", ["html", "md", "json"])
def test_a_report_is_verified_in_every_form(kept: Keep, form: Any) -> None:
    verdict = verify_report(kept(report(RUN, form=form)), "demo")
    assert (verdict.difference, verdict.run_id, verdict.symbols) == (None, "run-1", 3)


def test_a_comparison_is_verified(kept: Keep) -> None:
    other = demo_run(evolve(REQUEST, strategy=BuyAndHold(), start_date="2019-06-01"))
    verdict = verify_report(kept(report(Comparison.of(RUN, other))), "demo")
    assert verdict.same


def test_an_optimization_is_verified(kept: Keep) -> None:
    space = SearchSpace(
        parameters=(Parameter(name="short_period", kind="int_range", low=5, high=15, step=5),)
    )
    request = OptimizationRequest(
        name="periods", search_space=space, base_backtest=REQUEST, strategy="grid"
    )
    found = optimize(request, load_dataset(REQUEST, "demo"))
    ledger = {**found.diagnostics, "ledger": {"trials_considered": 99}}
    text = report(evolve(found, diagnostics=ledger, optimization_id="o-1"))
    verdict = verify_report(kept(text), "demo")
    assert (verdict.difference, verdict.run_id) == (None, "o-1")
    changed = text.replace('"random_seed":42', '"random_seed":43')
    assert changed != text
    assert not verify_report(kept(changed), "demo").same


@pytest.mark.parametrize("form", ["html", "md", "json"])
def test_a_number_that_was_changed_is_found(kept: Keep, form: Any) -> None:
    text = report(RUN, form=form)
    shown = {"html": "über", "md": "über", "json": "über"}[form]
    # The first place is what people read, the last one what the verification holds.
    changed = text.replace(shown, "unter", 1)
    difference = verify_report(kept(changed), "demo").difference
    assert difference is not None
    assert difference.part == "page"
    assert "unter" in difference.message
    assert "über" in difference.message


def test_a_changed_metric_is_found(kept: Keep) -> None:
    text = re.sub("(<dt>Sharpe ratio</dt><dd>)[^<]*", r"\g<1>9.99", report(RESULT), count=1)
    difference = verify_report(kept(text), "demo").difference
    assert difference is not None
    assert difference.part == "page"


def forged(**changes: Any) -> str:
    told = json.loads(report(RESULT, form="json"))
    told["checks"] |= changes
    return json.dumps(told)


def test_another_result_is_found(kept: Keep) -> None:
    text = forged(digests={**json.loads(forged())["checks"]["digests"], "curve": "sha256:0"})
    difference = verify_report(kept(text), "demo").difference
    assert difference is not None
    assert (difference.part, difference.field) == ("result", "curve")


def test_other_prices_are_found(kept: Keep) -> None:
    manifest = json.loads(forged())["checks"]["manifest"]
    manifest["dataset"]["bar_digests"]["IBM"] = "sha256:0"
    difference = verify_report(kept(forged(manifest=manifest)), "demo").difference
    assert difference is not None
    assert (difference.part, difference.symbol) == ("bars", "IBM")


def test_the_page_of_another_version_is_not_compared(kept: Keep) -> None:
    verdict = verify_report(kept(forged(written_by="0.0.1")), "demo")
    assert verdict.same
    assert verdict.computed_then_by == "0.0.1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "This is no report"),
        ("<html></html>", "This is no report"),
        ('{"checks": 3}', "This is no report"),
        ('{"checks": {"report": 2}}', "has version 2"),
        ('{"checks": {"report": 1, "kind": "run"}}', "is damaged"),
        ('{"checks": {"report": 1, "kind": "moon", "written_by": "1"}}', "'moon'"),
        ("[" * 100_000, "This is no report"),
    ],
)
def test_what_is_no_report_is_refused(kept: Keep, text: str, words: str) -> None:
    with pytest.raises(DamagedError, match=words):
        verify_report(kept(text), "demo")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DamagedError, match="not UTF-8"):
        verify_report(path, "demo")


def test_ends_of_lines_of_another_system_do_not_matter(kept: Keep, tmp_path: Path) -> None:
    path = tmp_path / "windows.md"
    path.write_bytes(report(RUN, form="md").replace("\n", "\r\n").encode())
    assert verify_report(path, "demo").same


def test_prices_that_are_not_there_are_an_error(kept: Keep, tmp_path: Path) -> None:
    (tmp_path / "AAPL_day.csv").write_text("timestamp,open,high,low,close,volume\n")
    with pytest.raises((DataError, ValueError)):
        verify_report(kept(report(RUN)), tmp_path)
