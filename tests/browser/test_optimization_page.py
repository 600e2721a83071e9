"""Optimizations in a real browser: the form, the list, and one of them while it goes on and after.

Doctrine: figures on the page are those of the gateway's result; what may be luck is said in words
that a person reads; a page that is open follows the attempt to its end without being loaded again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.dashboard import PHONE, Dashboard, Visits
from support.served_searches import ended, search

from glowback_trio import MaCrossover
from glowback_trio.actors import Gateway, Optimization
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.optimizations.requests import parse_optimization

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

#: Sixteen pairs, with three windows that are held out.
PERIODS: dict[str, Any] = {
    "name": "periods",
    "search_space": {
        "parameters": [
            {"name": "short_period", "kind": "int_range", "low": 5, "high": 20, "step": 5},
            {"name": "long_period", "kind": "int_range", "low": 30, "high": 60, "step": 10},
        ]
    },
    "max_trials": 100,
    "validation_mode": "walk_forward_refit",
}


def completed(dashboard: Dashboard, **changes: Any) -> Optimization:
    optimization: Optimization = dashboard.call(ended, dashboard.gateway, **PERIODS | changes)
    return optimization


async def begin(gateway: Gateway, document: dict[str, Any]) -> Optimization:
    return gateway.optimize(parse_optimization(document, make_converter(gateway.strategies)))


def test_a_search_is_begun_from_the_form_and_followed_to_its_end(
    visits: Visits, dashboard: Dashboard
) -> None:
    page = visits.open("/ui/optimizations/new")
    page.get_by_text("100 combinations").wait_for()
    second = page.get_by_role("group", name="Parameter 2")
    second.get_by_label("to", exact=True).fill("60")
    page.get_by_text("30 combinations").wait_for()
    written = json.loads(page.get_by_label("As JSON").input_value())
    assert written["search_space"]["parameters"][1]["high"] == 60
    page.get_by_role("button", name="Start the search").click()
    page.get_by_text("The log is complete").wait_for()
    (status,) = dashboard.call(dashboard.gateway.optimization_statuses)
    assert status.trials_completed == 20
    assert page.get_by_role("heading", name="Two moving averages").is_visible()


def test_a_parameter_is_added_with_a_range_around_its_default(visits: Visits) -> None:
    page = visits.open("/ui/optimizations/new")
    page.get_by_role("button", name="Add a parameter").click()
    third = page.get_by_role("group", name="Parameter 3")
    third.get_by_label("what varies").fill("position_size")
    page.keyboard.press("Tab")
    assert third.get_by_label("from", exact=True).input_value() == "0.475"
    assert third.get_by_label("to", exact=True).input_value() == "1"
    third.get_by_role("button", name="Remove parameter 3").click()
    assert third.count() == 0


def test_what_the_server_refuses_stands_beside_its_parameter(visits: Visits) -> None:
    visits.expected.append("422")
    page = visits.open("/ui/optimizations/new")
    first = page.get_by_role("group", name="Parameter 1")
    first.get_by_label("what varies").fill("no_such")
    page.get_by_label("Constraints", exact=True).fill("")
    page.get_by_role("button", name="Start the search").click()
    page.get_by_role("alert").get_by_text("The server refuses this").wait_for()
    assert first.locator("[aria-invalid=true]").count() == 1
    assert first.locator(".problem").inner_text() != ""


def test_the_page_of_a_search_shows_what_its_result_says(
    visits: Visits, dashboard: Dashboard
) -> None:
    optimization = completed(dashboard)
    result = dashboard.call(optimization.load_result)
    page = visits.open(f"/ui/optimizations/{optimization.optimization_id}")
    page.get_by_text("different looks at these bars").wait_for()
    best = result.best_trial
    assert best is not None
    rows = page.get_by_role("region", name="Ranking").get_by_role("row")
    assert rows.nth(1).inner_text().split()[:2] == [
        str(best.trial_number),
        f"{best.objective:.4f}".replace("-", "\N{MINUS SIGN}"),
    ]
    figures = result.diagnostics
    honest = figures["effective_number_of_trials"]
    assert page.get_by_text(f"so they are {honest} different looks").is_visible()
    for reason in figures["not_qualified_because"]:
        assert page.get_by_text(reason).is_visible()
    windows = page.get_by_role("region", name="Windows and splits").get_by_role("row")
    assert windows.count() == 1 + len(result.validation["windows"])
    page.get_by_role("img", name="Equity stitched").or_(
        page.locator("figure canvas")
    ).first.wait_for()


def test_a_chosen_trial_becomes_a_run(visits: Visits, dashboard: Dashboard) -> None:
    optimization = completed(dashboard)
    page = visits.open(f"/ui/optimizations/{optimization.optimization_id}")
    page.get_by_role("button", name="Run trial 5", exact=True).click()
    page.wait_for_url("**/ui/runs/*")
    run = dashboard.gateway.run(page.url.rsplit("/", 1)[1])
    assert run.request.strategy == MaCrossover(short_period=10, long_period=30)


def test_the_heat_map_is_walked_by_keyboard_and_its_parameters_are_chosen(
    visits: Visits, dashboard: Dashboard
) -> None:
    optimization = completed(dashboard)
    page = visits.open(f"/ui/optimizations/{optimization.optimization_id}")
    page.get_by_text("The log is complete").wait_for()
    heat = page.locator(".heat-map")
    heat.locator("svg text").first.wait_for()  # the trials are there
    heat.locator("svg").focus()
    for key in ("ArrowUp",) * 4 + ("ArrowLeft",) * 4:
        page.keyboard.press(key)
    assert heat.locator("output").inner_text().startswith("short_period 5, long_period 30: ")
    page.keyboard.press("ArrowRight")
    assert heat.locator("output").inner_text().startswith("short_period 5, long_period 40: ")
    page.get_by_label("Metric of the cells").select_option("max_drawdown")
    page.get_by_label("Parameter of the rows").select_option("long_period")
    page.get_by_label("Parameter of the columns").select_option("short_period")
    assert "max_drawdown by long_period and short_period" in str(
        heat.locator("svg").get_attribute("aria-label")
    )


def test_an_axis_limits_the_lines_by_keyboard(visits: Visits, dashboard: Dashboard) -> None:
    optimization = completed(dashboard)
    page = visits.open(f"/ui/optimizations/{optimization.optimization_id}")
    page.get_by_text("The log is complete").wait_for()
    lines = page.locator(".parallel")
    lines.get_by_text("16 of 16 trials").wait_for()
    lines.get_by_role("slider", name="short_period").focus()
    page.keyboard.press("ArrowUp")
    assert lines.locator("output").inner_text() == "12 of 16 trials, limited by short_period"
    page.keyboard.press("Escape")
    assert lines.locator("output").inner_text() == "16 of 16 trials"


def test_a_search_is_paused_cancelled_and_resumed_by_a_new_attempt(
    visits: Visits, dashboard: Dashboard
) -> None:
    many = {"name": "position_size", "kind": "float_range", "low": 0.1, "high": 0.9}
    space = {"parameters": [*PERIODS["search_space"]["parameters"], many]}
    long = search(name="long", strategy="random", max_trials=10_000, search_space=space)
    optimization = dashboard.call(begin, dashboard.gateway, long)
    page = visits.open(f"/ui/optimizations/{optimization.optimization_id}")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("navigation", name="Attempts").wait_for()
    assert "attempt=2" in page.url
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Delete").wait_for()


def test_names_and_messages_stay_text(visits: Visits, dashboard: Dashboard) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    optimization = completed(dashboard, name=hostile)
    page = visits.open(f"/ui/optimizations/{optimization.optimization_id}")
    page.get_by_role("heading", name=hostile).wait_for()
    page.get_by_role("link", name="Optimizations", exact=True).click()
    page.get_by_role("link", name=hostile).wait_for()
    assert page.locator("main img").count() == 0


def test_the_list_follows_a_search_that_goes_on(visits: Visits, dashboard: Dashboard) -> None:
    page = visits.open("/ui/optimizations")
    page.get_by_text("There are no optimizations yet").wait_for()
    completed(dashboard)
    row = page.get_by_role("row").filter(has_text="periods")
    row.get_by_text("completed").wait_for()
    assert "16 of 100" in row.inner_text()


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
def test_the_pages_of_searches_are_accessible_and_fit(
    visits: Visits,
    dashboard: Dashboard,
    axe: Callable[[Any], list[str]],
    look: str,
    size: dict[str, int] | None,
) -> None:
    optimization = completed(dashboard)
    shown = {
        "/ui/optimizations": "periods",
        "/ui/optimizations/new": "100 combinations",
        f"/ui/optimizations/{optimization.optimization_id}": "different looks at these bars",
    }
    for path, text in shown.items():
        page = visits.open(path, dark=look == "dark", size=size, reduced_motion=True)
        page.get_by_text(text).first.wait_for()
        assert (path, axe(page)) == (path, [])
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
