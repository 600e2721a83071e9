"""The page of a run in a real browser: while it goes on, when its stream is cut, after its end.

Doctrine: the page is compared with what the gateway knows of the run, never with a picture; what is
wrong in the console, with the policy or with another host makes every test fail.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from support.dashboard import PHONE, Dashboard, Visits

from glowback_trio import BacktestRequest, Execution, Run, Stream
from glowback_trio.model.strategies.parameters import MaCrossover

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

YEARS = BacktestRequest(
    symbols=["SPY", "AAPL"],
    start_date="2015-01-01",
    end_date="2020-12-31",
    strategy=MaCrossover(),
    benchmark_symbol="SPY",
    execution=Execution(slippage_bps=1.0, commission_bps=0.5),
)
# The last bar comes when a test lets it.
SLOW = evolve(YEARS, stream=Stream(pace_bars_per_s=150, metrics_every=1, orders=True))
# Sentences that stand for a moment only are noted by the page itself.
NOTE_STATUS = """
window.said = [];
new MutationObserver(() => {
  const sentence = document.querySelector(".run-stream [role=status]")?.textContent;
  if (sentence && sentence !== window.said.at(-1)) window.said.push(sentence);
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
HTML = "<img src=/x onerror=alert(1)>"


def submitted(dashboard: Dashboard, request: BacktestRequest) -> Run:
    return dashboard.call(dashboard.gateway.submit, request)


def completed(dashboard: Dashboard, request: BacktestRequest = YEARS) -> Run:
    run = submitted(dashboard, request)
    dashboard.call(run.wait_finished)
    assert run.status.state == "completed"
    return run


def open_run(visits: Visits, run: Run, **look: Any) -> Any:
    return visits.open(f"/ui/runs/{run.run_id}", **look)


def wait_for(page: Any, sentence: str) -> None:
    page.get_by_text(sentence).first.wait_for()


def figure(page: Any, name: str) -> str:
    text: str = page.locator(".run-figure", has_text=name).first.locator("dd").inner_text()
    return text


def test_a_completed_run_shows_its_figures_and_its_analysis(
    visits: Visits, dashboard: Dashboard
) -> None:
    run = completed(dashboard)
    result = dashboard.call(run.load_result)
    page = open_run(visits, run)
    page.get_by_role("heading", name="Manifest").wait_for()
    assert figure(page, "Sharpe ratio") == f"{result.metrics['sharpe_ratio']:.2f}"
    assert figure(page, "Return") == f"+{result.metrics['total_return']:.2f}%"
    assert figure(page, "Trades") == str(result.metrics["total_trades"])
    for title in ("Metrics", "Monthly returns", "Rolling statistics", "Worst drawdowns", "Log"):
        assert page.get_by_role("heading", name=title, exact=True).is_visible()
    assert page.get_by_text("the honest N is 1").is_visible()
    assert page.get_by_text(result.manifest["dataset"]["digest"]).first.is_visible()


def test_a_finished_log_is_received_and_verified_when_asked(
    visits: Visits, dashboard: Dashboard
) -> None:
    run = completed(dashboard)
    page = open_run(visits, run)
    page.get_by_role("button", name="Receive and verify them").click()
    wait_for(page, f"all {run.status.event_count} events are here; their order, number and digest")


def test_a_run_is_followed_paused_and_resumed_to_its_end(
    visits: Visits, dashboard: Dashboard
) -> None:
    run = submitted(dashboard, SLOW)
    page = open_run(visits, run)
    wait_for(page, "Live.")
    page.keyboard.press("p")
    page.locator(".run-state", has_text="paused").wait_for()
    wait_for(page, "· paused")
    assert run.status.paused
    page.get_by_role("button", name="Resume").click()
    page.locator(".run-state", has_text="running").wait_for()
    wait_for(page, "their order, number and digest are right")
    page.get_by_role("heading", name="Manifest").wait_for()
    assert figure(page, "Trades") == str(dashboard.call(run.load_result).metrics["total_trades"])
    assert page.locator(".run-state").inner_text() == "completed"


def test_a_cut_stream_is_told_and_caught_up(visits: Visits, dashboard: Dashboard) -> None:
    run = submitted(dashboard, SLOW)
    dashboard.call(run.pause)
    page = visits.open("/ui/api")
    page.add_init_script(NOTE_STATUS)
    links: list[Any] = []

    def connect(link: Any) -> None:
        links.append(link)
        link.connect_to_server()

    page.route_web_socket("**/backtests/*/stream*", connect)
    page.goto(f"/ui/runs/{run.run_id}")
    wait_for(page, "Live.")
    dashboard.call(run.resume)
    wait_for(page, "bar 1")
    dashboard.call(run.pause)
    links[0].close(code=1011, reason="by a test")
    wait_for(page, "Live again: caught up after a cut, and nothing is missing.")
    dashboard.call(run.resume)
    wait_for(page, "their order, number and digest are right")
    said = page.evaluate("() => window.said")
    assert any(sentence.startswith("The stream was cut after event ") for sentence in said)
    assert len(links) == 2


def test_a_run_that_failed_says_why(visits: Visits, dashboard: Dashboard) -> None:
    bare = evolve(YEARS, start_date=datetime(1990, 1, 1, tzinfo=UTC))
    run = submitted(dashboard, evolve(bare, end_date=datetime(1991, 1, 1, tzinfo=UTC)))
    dashboard.call(run.wait_finished)
    assert run.status.state == "failed"
    page = open_run(visits, run)
    wait_for(page, "their order, number and digest are right")
    assert page.get_by_role("alert").inner_text() == run.status.error
    assert page.locator(".run-log").get_by_text("failed").first.is_visible()


def test_a_run_is_cancelled_and_deleted_after_a_question(
    visits: Visits, dashboard: Dashboard
) -> None:
    run = submitted(dashboard, SLOW)
    page = open_run(visits, run)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the run").click()
    page.locator(".run-state", has_text="cancelled").wait_for()
    assert run.status.state == "cancelled"
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete the run").click()
    page.get_by_role("heading", name="Runs", exact=True).wait_for()
    assert dashboard.call(lambda: list(dashboard.gateway.runs())) == []


def test_html_from_users_stays_text(visits: Visits, dashboard: Dashboard) -> None:
    run = completed(dashboard, evolve(YEARS, name=HTML, tags=(HTML[:20],), note=HTML))
    page = open_run(visits, run)
    page.get_by_role("heading", name="Manifest").wait_for()
    assert page.get_by_role("heading", level=1).inner_text().startswith(HTML)
    assert page.locator(".run-note").inner_text() == HTML
    assert page.locator("#page img").count() == 0


def test_zooming_fetches_what_the_chart_lacks(visits: Visits, dashboard: Dashboard) -> None:
    minutes = BacktestRequest(
        symbols="ZZZ",
        start_date="2024-01-01",
        end_date="2024-03-01",
        resolution="minute",
        data_source="sample",
        stream=Stream(metrics_every=0, trades=False),
    )
    run = completed(dashboard, minutes)
    page = open_run(visits, run)
    page.get_by_role("heading", name="Manifest").wait_for()
    for section, path in (("#account", "results"), ("#prices", "bars")):
        button = page.locator(section).get_by_role("button", name="Zoom in")
        with page.expect_request(
            lambda sent, path=path: f"/{path}?" in sent.url and "from=" in sent.url
        ):
            button.click()
            button.click()


def test_leaving_the_page_ends_its_stream(visits: Visits, dashboard: Dashboard) -> None:
    run = submitted(dashboard, evolve(SLOW, stream=Stream(pace_bars_per_s=1)))
    page = open_run(visits, run)
    wait_for(page, "Live.")
    assert dashboard.call(lambda: run.subscribers) == 1
    page.get_by_role("link", name="API", exact=True).click()
    page.get_by_role("heading", name="API", exact=True).wait_for()
    while dashboard.call(lambda: run.subscribers):
        page.wait_for_timeout(20)


def test_charts_follow_the_scheme(visits: Visits, dashboard: Dashboard) -> None:
    page = open_run(visits, completed(dashboard))
    page.get_by_role("heading", name="Manifest").wait_for()
    drawn = "() => document.querySelector('#account canvas').toDataURL()"
    light = page.evaluate(drawn)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"(light) => ({drawn})() !== light", arg=light)


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
def test_the_page_is_accessible_and_fits(
    visits: Visits,
    dashboard: Dashboard,
    axe: Callable[[Any], list[str]],
    look: str,
    size: dict[str, int] | None,
) -> None:
    page = open_run(
        visits, completed(dashboard), dark=look == "dark", size=size, reduced_motion=True
    )
    page.get_by_role("heading", name="Manifest").wait_for()
    page.locator("#prices canvas").first.wait_for()
    assert "\n".join(axe(page)) == ""
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_a_pause_by_somebody_else_is_shown(visits: Visits, dashboard: Dashboard) -> None:
    run = submitted(dashboard, evolve(SLOW, stream=Stream(pace_bars_per_s=1)))
    page = open_run(visits, run)
    wait_for(page, "Live.")
    dashboard.call(run.pause)
    page.locator(".run-state", has_text="paused").wait_for()
    dashboard.call(run.resume)
    page.locator(".run-state", has_text="running").wait_for()


def test_another_pace_holds_from_now_on(visits: Visits, dashboard: Dashboard) -> None:
    run = submitted(dashboard, SLOW)
    page = open_run(visits, run)
    wait_for(page, "Live.")
    assert page.get_by_label("Pace").input_value() == "150"
    page.get_by_label("Pace").select_option("")
    wait_for(page, "their order, number and digest are right")
