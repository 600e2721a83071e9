"""The list of runs in a real browser: what it shows, what it finds, and what can be done from it.

Doctrine: every action is done as a person does it, by mouse and by keyboard, and then looked for in
the gateway; texts that look like HTML stay texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from support.dashboard import PHONE, Dashboard, Visits, serving_dashboard

from glowback_trio import BacktestRequest, Run
from glowback_trio.model.request import Stream
from glowback_trio.model.strategies.parameters import MaCrossover

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

# Text that would do something if any page took it for HTML.
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def request(
    name: str = "", *tags: str, symbol: str = "AAPL", start_date: str = "2018-01-01", **more: Any
) -> BacktestRequest:
    return BacktestRequest(
        symbols=[symbol],
        start_date=start_date,
        end_date="2019-12-31",
        name=name,
        tags=tags,
        **more,
    )


@pytest.fixture
def submit(dashboard: Dashboard) -> Callable[..., Run]:
    """Submit a run and, unless it is paced, wait for its end."""

    def begin(*args: Any, **more: Any) -> Run:
        run = dashboard.call(dashboard.gateway.submit, request(*args, **more))
        if "stream" not in more:
            dashboard.call(run.wait_finished)
        return run

    return begin


@pytest.fixture
def endless() -> Stream:
    """The pace of a run that goes on until a test ends it."""
    return Stream(pace_bars_per_s=0.001)


def row(page: Any, name: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def names(page: Any) -> list[str]:
    """Return the names of the runs in sight, from the top."""
    # In one step, as rows come and go while they are looked at.
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(".long-rows .long-row")]
            .map((row) => [row.getBoundingClientRect().y, row.querySelector(".name a").innerText])
            .sort(([one], [other]) => one - other)
            .map(([, name]) => name)"""
    )
    return found


def choose_in_menu(page: Any, name: str, item: str) -> None:
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name=item).click()


def wait_for(page: Any, condition: Callable[[], object]) -> None:
    """Wait until something is so, while the page goes on."""
    for _ in range(500):
        if condition():
            return
        page.wait_for_timeout(20)
    assert condition()


def _has_order(page: Any, order: list[str]) -> bool:
    return names(page) == order


def test_runs_are_listed_newest_first_with_what_they_are(
    visits: Visits, submit: Callable[..., Run]
) -> None:
    old, new = submit("Older", "trend"), submit("", symbol="SPY", strategy=MaCrossover())
    page = visits.open()
    page.get_by_text("2 runs").wait_for()
    assert names(page) == [new.run_id[:8], "Older"]
    said = row(page, "Older").inner_text()
    assert all(word in said for word in ("trend", "Completed", "buy_and_hold", "AAPL"))
    assert (
        row(page, "Older").get_by_role("link", name="Older").get_attribute("href")
        == f"/ui/runs/{old.run_id}"
    )


def test_a_server_without_runs_says_how_to_begin(visits: Visits) -> None:
    page = visits.open()
    page.get_by_text("There are no runs yet").wait_for()
    assert page.get_by_role("link", name="Begin a run").get_attribute("href") == "/ui/new"


def test_search_filters_and_order_stand_in_the_address(
    visits: Visits, submit: Callable[..., Run], endless: Stream
) -> None:
    submit("Alpha", "trend", symbol="SPY")
    submit("Beta", "trend", strategy=MaCrossover())
    going = submit("Gamma", stream=endless)
    page = visits.open("/?state=completed&sort=run")
    page.get_by_text("2 of 3 runs").wait_for()
    assert names(page) == ["Alpha", "Beta"]
    page.keyboard.press("/")
    page.keyboard.type("spy TREND")
    page.get_by_text("1 of 3 runs").wait_for()
    assert names(page) == ["Alpha"]
    assert page.evaluate("() => location.search") == "?state=completed&sort=run&q=spy+TREND"
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Strategy").select_option("ma_crossover")
    page.get_by_text("1 of 3 runs").wait_for()
    assert names(page) == ["Beta"]
    page.get_by_label("Strategy").select_option("")
    row(page, "Alpha").get_by_role("button", name="trend").click()
    page.get_by_text("2 of 3 runs").wait_for()
    page.get_by_label("Search runs").fill("nothing like it")
    page.get_by_text("No run is as you ask").wait_for()
    assert not going.finished


def test_a_click_on_a_head_sorts_and_another_turns_it_round(
    visits: Visits, submit: Callable[..., Run]
) -> None:
    for name in ("beta", "Alpha", "gamma"):
        submit(name)
    page = visits.open()
    page.get_by_text("3 runs").wait_for()
    for direction, order in (
        ("ascending", ["Alpha", "beta", "gamma"]),
        ("descending", ["gamma", "beta", "Alpha"]),
        ("none", ["gamma", "Alpha", "beta"]),
    ):
        head = page.get_by_role("columnheader", name="Run", exact=True)
        head.get_by_role("button").click()
        sync_api.expect(head).to_have_attribute("aria-sort", direction)
        wait_for(page, partial(_has_order, page, order))


def test_labels_are_edited(visits: Visits, submit: Callable[..., Run]) -> None:
    run = submit("Before", "old")
    page = visits.open()
    choose_in_menu(page, "Before", "Name, tags, note")
    page.get_by_label("Name").fill("After")
    page.get_by_label("Tags").fill("new, trend,, new")
    page.get_by_label("Note").fill("Seen.")
    page.get_by_role("button", name="Save").click()
    row(page, "After").wait_for()
    labels = run.status
    assert (labels.name, list(labels.tags), labels.note) == ("After", ["new", "trend"], "Seen.")
    assert page.get_by_role("button", name="trend").is_visible()


def test_a_run_is_paused_resumed_and_cancelled(
    visits: Visits, submit: Callable[..., Run], endless: Stream
) -> None:
    run = submit("Going", stream=endless)
    page = visits.open()
    choose_in_menu(page, "Going", "Pause")
    row(page, "Going").get_by_text("Paused at").wait_for()
    assert run.status.paused
    choose_in_menu(page, "Going", "Resume")
    row(page, "Going").get_by_text("Paused at").wait_for(state="detached")
    choose_in_menu(page, "Going", "Cancel")
    wait_for(page, lambda: run.finished)


def test_a_run_is_deleted_only_when_that_is_confirmed(
    visits: Visits, submit: Callable[..., Run], dashboard: Dashboard
) -> None:
    run = submit("Doomed")
    page = visits.open()
    choose_in_menu(page, "Doomed", "Delete")
    page.get_by_text("This cannot be undone").wait_for()
    page.get_by_role("button", name="Cancel").click()
    assert dashboard.gateway.holds(run.run_id)
    choose_in_menu(page, "Doomed", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("There are no runs yet").wait_for()
    assert not dashboard.gateway.holds(run.run_id)


def test_a_run_is_begun_again_with_changes(visits: Visits, submit: Callable[..., Run]) -> None:
    run = submit("Again")
    page = visits.open()
    choose_in_menu(page, "Again", "Run again with changes")
    page.wait_for_url(f"**/ui/new?from={run.run_id}")


def test_chosen_runs_are_compared_and_deleted_together(
    visits: Visits, submit: Callable[..., Run]
) -> None:
    one, two, _three = submit("One"), submit("Two"), submit("Three")
    page = visits.open()
    page.get_by_label("Choose One").check()
    assert page.get_by_role("button", name="Compare").is_disabled()
    page.get_by_label("Choose Two").check()
    page.get_by_text("2 chosen").wait_for()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(f"**/ui/compare?runs={one.run_id},{two.run_id}")
    page.go_back()
    page.get_by_label("Choose all runs shown").check()
    page.get_by_text("3 chosen").wait_for()
    page.get_by_role("group", name="Chosen runs").get_by_role("button", name="Delete").click()
    page.get_by_text("Delete 3 runs?").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("There are no runs yet").wait_for()


def test_everything_is_done_by_keyboard(visits: Visits, submit: Callable[..., Run]) -> None:
    older, newer = submit("Older"), submit("Newer")
    page = visits.open()
    page.get_by_text("2 runs").wait_for()
    for key in ("j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    page.wait_for_url(f"**/ui/compare?runs={newer.run_id},{older.run_id}")
    page.keyboard.press("g")
    page.get_by_role("heading", name="Runs").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("compare the chosen runs").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("e")
    page.get_by_label("Name").fill("Renamed")
    page.keyboard.press("Enter")
    row(page, "Renamed").wait_for()
    page.get_by_role("grid", name="Runs").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/ui/runs/{older.run_id}")
    page.keyboard.press("n")
    page.wait_for_url("**/ui/new")


def test_texts_that_look_like_html_stay_texts(visits: Visits, submit: Callable[..., Run]) -> None:
    submit(HOSTILE[:64], "<b>bold</b>", note=HOSTILE)
    page = visits.open()
    row(page, HOSTILE[:64]).wait_for()
    page.get_by_role("button", name="<b>bold</b>").click()
    page.get_by_role("button", name=re.compile("Actions for")).click()
    page.get_by_role("menuitem", name="Name, tags, note").click()
    assert page.get_by_label("Note").input_value() == HOSTILE
    assert page.locator("img, b, main script").count() == 0


@pytest.mark.parametrize("look", [(False, None), (True, None), (False, PHONE), (True, PHONE)])
def test_the_list_is_accessible_and_fits(
    visits: Visits,
    submit: Callable[..., Run],
    endless: Stream,
    axe: Callable[[Any], list[str]],
    look: tuple[bool, dict[str, int] | None],
) -> None:
    submit("Finished", "trend")
    submit("Going", stream=endless)
    page = visits.open(dark=look[0], size=look[1], reduced_motion=True)
    page.get_by_label("Choose Going").check()
    page.get_by_text("1 chosen").wait_for()
    assert axe(page) == []
    page.get_by_role("button", name="Actions for Going").click()
    assert axe(page) == []
    page.keyboard.press("Escape")
    choose = page.get_by_role("group", name="Chosen runs").get_by_role("button", name="Delete")
    choose.click()
    assert axe(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


class TestThousandRuns:
    @pytest.fixture
    def dashboard(self) -> Iterator[Dashboard]:
        with serving_dashboard(log_level="error") as served:
            served.call(self._fill, served)
            yield served

    async def _fill(self, served: Dashboard) -> None:
        for at in range(1000):
            run = served.gateway.submit(request(f"Nr. n{at:03}", start_date="2019-12-01"))
            await run.wait_finished()

    def test_only_the_rows_in_sight_are_in_the_page(self, visits: Visits) -> None:
        page = visits.open()
        row(page, "Nr. n999").wait_for()
        page.get_by_text("1,000 runs").wait_for()
        assert names(page)[0] == "Nr. n999"
        assert page.get_by_role("grid").get_attribute("aria-rowcount") == "1001"
        page.get_by_role("grid").focus()
        page.keyboard.press("End")
        row(page, "Nr. n000").wait_for()
        assert page.locator(".long-rows .long-row").count() < 60
        page.get_by_label("Search runs").fill("nr. n50")
        found = [f"Nr. n{at}" for at in range(509, 499, -1)]
        wait_for(page, partial(_has_order, page, found))
        page.get_by_text("10 of 1,000 runs").wait_for()
