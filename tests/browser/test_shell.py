"""The frame of the dashboard in a real browser: its pages by their addresses, links, keys, errors.

Doctrine: a page is opened as a person opens it, and looked at by what it says; what is wrong in the
console, with the policy or with another host makes every test fail (`support.dashboard`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.dashboard import PHONE, Dashboard, Visits, serving_dashboard

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_the_list_of_routes_is_a_page(visits: Visits) -> None:
    page = visits.open("/ui/api")
    page.get_by_role("row").nth(20).wait_for()
    assert page.title() == "API · GlowBack Trio"
    assert page.get_by_text("/backtests/{run_id}/pause").is_visible()
    assert page.get_by_role("link", name="API", exact=True).get_attribute("aria-current") == "page"


def test_a_link_shows_another_page_without_loading_the_frame_again(visits: Visits) -> None:
    page = visits.open("/ui/api")
    page.evaluate("() => { window.same = true; }")
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_role("heading", name="Runs").wait_for()
    assert page.evaluate("() => [location.pathname, window.same]") == ["/", True]
    assert page.evaluate("() => document.activeElement.tagName") == "H1"
    page.go_back()
    page.get_by_role("heading", name="API").wait_for()


def test_a_page_that_there_is_not_says_so(visits: Visits, dashboard: Dashboard) -> None:
    visits.expected.append("404")
    page = visits.open("/ui/nothing")
    assert "path" in page.locator("body").inner_text()


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", [None, PHONE], ids=["desk", "phone"])
def test_the_frame_is_accessible_and_fits(
    visits: Visits, axe: Callable[[Any], list[str]], look: str, size: dict[str, int] | None
) -> None:
    page = visits.open("/ui/api", dark=look == "dark", size=size)
    page.get_by_text("/backtests/{run_id}/pause").wait_for()
    assert axe(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


class TestWithKeys:
    @pytest.fixture
    def dashboard(self) -> Iterator[Dashboard]:
        with serving_dashboard(api_keys=("right",)) as served:
            yield served

    def test_a_key_is_asked_for_once_and_kept_in_memory_only(self, visits: Visits) -> None:
        visits.expected.append("401")
        page = visits.open("/")
        page.get_by_role("textbox", name="API key").fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_text("The server does not know this key").wait_for()
        page.get_by_role("textbox", name="API key").fill("right")
        page.keyboard.press("Enter")
        page.get_by_text("There are no runs yet").wait_for()
        page.get_by_role("link", name="API", exact=True).click()
        page.get_by_role("link", name="Runs", exact=True).click()
        page.get_by_text("There are no runs yet").wait_for()
        kept = "() => [localStorage.length, sessionStorage.length, document.cookie]"
        assert page.evaluate(kept) == [0, 0, ""]
