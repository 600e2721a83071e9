"""The list of runs while things happen: it follows the server over one stream, and asks no more.

Doctrine: what happens is brought about in the gateway, not by the page, and the page is looked at;
a server that is started again is one that the page finds by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.dashboard import Dashboard, Visits, serving_dashboard

from glowback_trio import BacktestRequest, Run, SqliteStore
from glowback_trio.model.request import Stream

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def request(name: str, *, pace: float | None = None) -> BacktestRequest:
    return BacktestRequest(
        symbols=["AAPL"],
        start_date="2018-01-01",
        end_date="2019-12-31",
        name=name,
        stream=Stream(pace_bars_per_s=pace),
    )


def submitted(dashboard: Dashboard, name: str, *, pace: float | None = None) -> Run:
    run = dashboard.call(dashboard.gateway.submit, request(name, pace=pace))
    if pace is None:
        dashboard.call(run.wait_finished)
    return run


def row(page: Any, name: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def test_runs_come_change_and_go_without_being_asked_for(
    visits: Visits, dashboard: Dashboard
) -> None:
    page = visits.open()
    page.get_by_text("There are no runs yet").wait_for()
    page.get_by_text("Live", exact=True).wait_for()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    run = submitted(dashboard, "Going", pace=0.001)
    row(page, "Going").wait_for()
    dashboard.call(run.pause)
    row(page, "Going").get_by_text("Paused at").wait_for()
    dashboard.call(run.label, name="Renamed", tags=["seen"])
    row(page, "Renamed").get_by_role("button", name="seen").wait_for()
    dashboard.call(run.cancel, "by a test")
    row(page, "Renamed").get_by_text("Cancelled").wait_for()
    submitted(dashboard, "Finished")
    row(page, "Finished").get_by_text("Completed").wait_for()
    sync_api.expect(row(page, "Finished").locator(".total_return")).to_contain_text("%")
    dashboard.call(dashboard.gateway.delete, run.run_id)
    row(page, "Renamed").wait_for(state="detached")
    assert asked == []


def test_progress_goes_on_in_the_list(visits: Visits, dashboard: Dashboard) -> None:
    page = visits.open()
    page.get_by_text("Live", exact=True).wait_for()
    submitted(dashboard, "Paced", pace=250)
    row(page, "Paced").get_by_text("left").wait_for()
    row(page, "Paced").get_by_text("Completed").wait_for()


class TestRestarted:
    @pytest.fixture
    def dashboard(self, tmp_path: Path) -> Iterator[Dashboard]:
        with serving_dashboard(lambda: SqliteStore(tmp_path / "runs.db")) as served:
            yield served

    def test_a_page_says_that_the_server_is_gone_and_finds_it_again(
        self, visits: Visits, dashboard: Dashboard
    ) -> None:
        visits.expected.append("ERR_CONNECTION_REFUSED|WebSocket connection to")
        submitted(dashboard, "Kept")
        gone = submitted(dashboard, "Gone")
        page = visits.open()
        row(page, "Gone").wait_for()
        page.get_by_text("Live", exact=True).wait_for()
        dashboard.stop()
        page.get_by_text("Connection lost").wait_for()
        page.get_by_role("button", name="Actions for Kept").click()
        page.get_by_role("menuitem", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.get_by_text("The server cannot be reached").wait_for()
        dashboard.start()
        dashboard.call(dashboard.gateway.load_run, gone.run_id)
        dashboard.call(dashboard.gateway.delete, gone.run_id)
        page.get_by_text("The server has been started again").wait_for()
        page.get_by_text("Live", exact=True).wait_for()
        row(page, "Gone").wait_for(state="detached")
        assert row(page, "Kept").is_visible()
        submitted(dashboard, "After")
        row(page, "After").wait_for()


class TestWithKeys:
    @pytest.fixture
    def dashboard(self) -> Iterator[Dashboard]:
        with serving_dashboard(api_keys=("right",)) as served:
            yield served

    def test_the_stream_is_opened_with_a_ticket(self, visits: Visits, dashboard: Dashboard) -> None:
        visits.expected.append("401")
        page = visits.open()
        addresses: list[str] = []
        page.on("websocket", lambda socket: addresses.append(socket.url))
        page.get_by_role("textbox", name="API key").fill("right")
        page.keyboard.press("Enter")
        page.get_by_text("Live", exact=True).wait_for()
        submitted(dashboard, "Going", pace=0.001)
        row(page, "Going").wait_for()
        assert addresses
        assert not any("right" in address for address in addresses)


def wait_for_both(pages: list[Any], look: Callable[[Any], Any]) -> None:
    for page in pages:
        look(page).wait_for()


def test_two_people_see_the_same(visits: Visits, dashboard: Dashboard) -> None:
    submitted(dashboard, "Shared")
    pages = [visits.open(), visits.open()]
    wait_for_both(pages, lambda page: page.get_by_text("Live", exact=True))
    wait_for_both(pages, lambda page: row(page, "Shared"))
    pages[0].get_by_role("button", name="Actions for Shared").click()
    pages[0].get_by_role("menuitem", name="Delete").click()
    pages[0].get_by_role("dialog").get_by_role("button", name="Delete").click()
    wait_for_both(pages, lambda page: page.get_by_text("There are no runs yet"))
