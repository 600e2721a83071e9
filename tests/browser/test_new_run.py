"""The form of a new run in a real browser: fields and JSON, what the server refuses, what begins.

Doctrine: what counts is the request that the gateway receives, so every test ends there or at the
sentence that a person reads; the form knows no bounds but those of the server's schemas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from support.dashboard import PHONE, Dashboard, Visits
from support.served import TWO_YEARS

from glowback_trio import BacktestRequest, Execution, MaCrossover
from glowback_trio.model.request import Stream

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

START = "Start the run"


def open_form(visits: Visits, path: str = "/ui/new", **look: Any) -> Any:
    page = visits.open(path, **look)
    page.get_by_role("button", name=START).wait_for()
    return page


def document(page: Any) -> Any:
    return json.loads(page.get_by_label("As JSON").input_value())


def begun(page: Any, dashboard: Dashboard) -> BacktestRequest:
    """Press the button, and return the request of the run that it leads to."""
    page.get_by_role("button", name=START).click()
    page.wait_for_url("**/ui/runs/*")
    return dashboard.gateway.run(page.url.rsplit("/", 1)[1]).request


def test_the_form_as_it_stands_is_a_run(visits: Visits, dashboard: Dashboard) -> None:
    request = begun(open_form(visits), dashboard)
    assert (request.symbols, request.strategy.name) == (("SPY",), "buy_and_hold")


def test_what_is_filled_in_is_in_the_json_and_in_the_run(
    visits: Visits, dashboard: Dashboard
) -> None:
    page = open_form(visits)
    page.get_by_label("Strategy", exact=True).select_option("ma_crossover")
    page.get_by_label("Short period").fill("7")
    page.get_by_label("Direction").select_option("long_only")
    page.get_by_text("Execution and costs").click()
    page.get_by_label("Slippage, bps").fill("2.5")
    page.get_by_label("Allow short").uncheck()
    page.get_by_label("Symbols", exact=True).fill("AAPL")
    page.keyboard.press("Enter")
    written = document(page)
    assert written["symbols"] == ["SPY", "AAPL"]
    assert written["execution"] == {"slippage_bps": 2.5, "allow_short": False}
    chosen = {"name": "ma_crossover", "params": {"short_period": 7, "direction": "long_only"}}
    assert written["strategy"] == chosen
    request = begun(page, dashboard)
    assert (request.execution.slippage_bps, request.execution.allow_short) == (2.5, False)
    assert request.strategy == MaCrossover(short_period=7, direction="long_only")


def test_what_is_written_as_json_is_in_the_fields(visits: Visits) -> None:
    page = open_form(visits)
    wanted = {
        "symbols": ["IBM"],
        "start_date": "2016-03-01",
        "end_date": "2018-12-31T09:30:00Z",
        "strategy": {"name": "rsi", "params": {"lookback_period": 9}},
        "stream": {"pace_bars_per_s": 20},
    }
    page.get_by_label("As JSON").fill(json.dumps(wanted))
    assert page.get_by_role("list", name="Chosen symbols").inner_text().split()[0] == "IBM"
    assert page.get_by_label("Start date").input_value() == "2016-03-01"
    assert page.get_by_label("End date").input_value() == "2018-12-31T09:30:00Z"
    assert page.get_by_label("Strategy", exact=True).input_value() == "rsi"
    assert page.get_by_label("Lookback period").input_value() == "9"
    page.get_by_text("Stream and pace").click()
    assert page.get_by_label("Pace bars per s").input_value() == "20"


def test_json_that_is_not_finished_is_said_to_be_so_and_changes_nothing(visits: Visits) -> None:
    page = open_form(visits)
    page.get_by_label("As JSON").fill('{"symbols": ["IBM"')
    assert "no JSON yet" in page.locator("#json-problem").inner_text()
    assert "SPY" in page.get_by_role("list", name="Chosen symbols").inner_text()


def test_what_the_server_refuses_stands_beside_its_field(visits: Visits) -> None:
    visits.expected.append("422")
    page = open_form(visits)
    page.get_by_label("Strategy", exact=True).select_option("ma_crossover")
    page.get_by_label("Short period").fill("0")
    page.get_by_text("Execution and costs").click()
    page.get_by_label("Slippage, bps").fill("-3")
    page.get_by_text("Execution and costs").click()
    page.get_by_role("button", name=START).click()
    page.get_by_text("The server refuses this, for 2 reasons").wait_for()
    slippage = page.get_by_label("Slippage, bps")
    assert slippage.is_visible()  # its group has been opened
    assert slippage.get_attribute("aria-invalid") == "true"
    says = page.locator(f"#{slippage.get_attribute('id')}-problem")
    assert says.inner_text() == "Input should be greater than or equal to 0"
    assert page.evaluate("() => document.activeElement.labels[0].textContent") == "Short period"
    slippage.fill("3")
    assert slippage.get_attribute("aria-invalid") is None


def test_a_problem_in_the_summary_leads_to_its_field(visits: Visits) -> None:
    visits.expected.append("422")
    page = open_form(visits)
    page.get_by_label("As JSON").fill('{"symbols": ["SPY"], "start_date": "2015-01-02", "bad": 1}')
    page.get_by_role("button", name=START).click()
    alert = page.get_by_role("alert").filter(has_text="refuses")
    alert.get_by_role("button", name="End date").click()
    assert page.evaluate("() => document.activeElement.labels[0].textContent") == "End date"
    assert "bad" in alert.inner_text()


def test_a_portfolio_has_a_weight_for_every_symbol(visits: Visits, dashboard: Dashboard) -> None:
    page = open_form(visits)
    page.get_by_role("button", name="Portfolio of equal weights").click()
    page.get_by_label("SPY", exact=True).fill("0.5")
    page.get_by_text("Together 116.6% of equity").wait_for()
    page.get_by_label("AAPL", exact=True).fill("0.1")
    page.get_by_label("Max drawdown, %").fill("25")
    portfolio = begun(page, dashboard).portfolio_construction
    assert portfolio is not None
    assert portfolio.target_weights == {"AAPL": 0.1, "IBM": 0.333, "SPY": 0.5}
    assert (portfolio.rebalance_frequency, portfolio.max_drawdown_pct) == ("monthly", 25)


def test_a_run_is_begun_again_with_changes(visits: Visits, dashboard: Dashboard) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    before = dashboard.call(
        dashboard.gateway.submit, attrs.evolve(TWO_YEARS, name=hostile, note=hostile)
    )
    page = open_form(visits, f"/ui/new?from={before.run_id}")
    assert page.get_by_role("link", name=hostile).is_visible()
    assert page.get_by_label("Note").input_value() == hostile
    assert "risk_free_rate" not in document(page)  # what is as usual is left out
    page.get_by_label("Initial capital").fill("5000")
    again = begun(page, dashboard)
    assert again.initial_capital == 5000
    assert attrs.evolve(again, initial_capital=TWO_YEARS.initial_capital) == before.request


def test_every_field_of_a_request_is_in_the_form(visits: Visits) -> None:
    page = open_form(visits)
    for summary in page.locator("summary").all():
        summary.click()
    labels = page.evaluate("""() => [...document.querySelectorAll("form label")]
        .filter((label) => label.htmlFor).map((label) => label.textContent)""")
    written = {re.sub(",? ", "_", label.lower()) for label in labels}
    apart = {"strategy", "portfolio_construction", "execution", "stream"}
    for cls in (BacktestRequest, Execution, Stream):
        assert {field.name for field in attrs.fields(cls)} - apart - written == set()


def test_the_form_works_by_keyboard_alone(visits: Visits, dashboard: Dashboard) -> None:
    page = open_form(visits)
    page.get_by_label("Symbols", exact=True).focus()
    page.keyboard.press("Backspace")
    page.keyboard.type("IBM,")
    assert document(page)["symbols"] == ["IBM"]
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.type") == "submit":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/runs/*")
    assert len(dashboard.gateway.runs()) == 1


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
def test_the_form_is_accessible_and_fits(
    visits: Visits, axe: Callable[[Any], list[str]], look: str, size: dict[str, int] | None
) -> None:
    page = open_form(visits, dark=look == "dark", size=size, reduced_motion=True)
    page.get_by_role("button", name="Portfolio of equal weights").click()
    for summary in page.locator("summary").all():
        summary.click()
    assert axe(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
