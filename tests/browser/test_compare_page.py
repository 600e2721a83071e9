"""Runs side by side in a real browser: which is best in what, and what was asked for differently.

Doctrine: the page is compared with the results of the runs; what is wrong in the console, with the
policy or with another host makes every test fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs import evolve
from support.dashboard import PHONE, Dashboard, Visits

from glowback_trio import BacktestRequest, Run
from glowback_trio.model.strategies.parameters import BuyAndHold, MaCrossover, Momentum

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

HTML = "<img src=/x onerror=alert(1)>"
YEARS = BacktestRequest(
    symbols=["SPY", "AAPL"], start_date="2016-01-01", end_date="2019-12-31", strategy=MaCrossover()
)
OTHERS = (
    evolve(YEARS, strategy=BuyAndHold(), name=HTML),
    evolve(YEARS, strategy=Momentum(), initial_capital=5000.0),
)


def completed(dashboard: Dashboard, requests: Sequence[BacktestRequest]) -> list[Run]:
    runs = [dashboard.call(dashboard.gateway.submit, request) for request in requests]
    for run in runs:
        dashboard.call(run.wait_finished)
    return runs


def compare(visits: Visits, runs: Sequence[Run], **look: Any) -> Any:
    return visits.open(f"/ui/compare?runs={','.join(run.run_id for run in runs)}", **look)


def test_the_best_is_marked_where_one_way_is_better(visits: Visits, dashboard: Dashboard) -> None:
    runs = completed(dashboard, [YEARS, *OTHERS])
    metrics = [dashboard.call(run.load_result).metrics for run in runs]
    page = compare(visits, runs)
    page.locator("#curves canvas").first.wait_for()
    for name, key, best in (
        ("Sharpe ratio", "sharpe_ratio", max),
        ("Volatility", "volatility", min),
    ):
        row = page.get_by_role("row").filter(
            has=page.get_by_role("rowheader", name=name, exact=True)
        )
        values = [float(each[key] or 0) for each in metrics]
        marked = [cell.locator(".good").count() == 1 for cell in row.get_by_role("cell").all()]
        assert marked == [value == best(values) for value in values]
    bars_per_year = page.get_by_role("row").filter(has_text="Bars per year")
    assert bars_per_year.locator(".good").count() == 0


def test_only_fields_that_differ_are_listed(visits: Visits, dashboard: Dashboard) -> None:
    page = compare(visits, completed(dashboard, [YEARS, *OTHERS]))
    fields = page.locator("#parameters")
    fields.get_by_role("rowheader", name="initial_capital").wait_for()
    assert fields.get_by_role("rowheader", name="strategy.name").is_visible()
    assert fields.get_by_role("rowheader", name="resolution").count() == 0
    assert "other fields are the same" in fields.inner_text()


def test_logs_part_at_the_first_event_that_differs(visits: Visits, dashboard: Dashboard) -> None:
    page = compare(visits, completed(dashboard, [YEARS, YEARS, OTHERS[1]]))
    page.get_by_role("button", name="Find where they part").click()
    page.get_by_text("The logs are the same").wait_for()
    page.get_by_label("Second run").select_option(index=2)
    page.get_by_role("button", name="Find where they part").click()
    page.get_by_text("The logs part at event").wait_for()
    assert page.locator("#logs pre").count() == 2


def test_runs_are_added_and_taken_out(visits: Visits, dashboard: Dashboard) -> None:
    one, two = completed(dashboard, [YEARS, OTHERS[1]])
    page = compare(visits, [one])
    page.get_by_text("Choose two runs or more").wait_for()
    add = page.get_by_label("Run to add")
    add.locator("option").nth(1).wait_for(state="attached")
    add.select_option(two.run_id)
    page.locator("#curves canvas").first.wait_for()
    assert f"{one.run_id}%2C{two.run_id}" in page.url
    page.get_by_role("button", name="Take out").first.click()
    page.get_by_text("Choose two runs or more").wait_for()
    assert page.url.endswith(f"runs={two.run_id}")


def test_html_in_a_name_stays_text(visits: Visits, dashboard: Dashboard) -> None:
    page = compare(visits, completed(dashboard, [YEARS, OTHERS[0]]))
    page.locator("#curves canvas").first.wait_for()
    assert page.get_by_role("link", name=HTML).is_visible()
    assert page.locator("#page img").count() == 0


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
def test_the_page_is_accessible_and_fits(
    visits: Visits,
    dashboard: Dashboard,
    axe: Callable[[Any], list[str]],
    look: str,
    size: dict[str, int] | None,
) -> None:
    page = compare(visits, completed(dashboard, [YEARS, *OTHERS]), dark=look == "dark", size=size)
    page.locator("#curves canvas").first.wait_for()
    assert "\n".join(axe(page)) == ""
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
