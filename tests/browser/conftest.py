"""One browser for the tests of a module, and pages in it whose errors make a test fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.dashboard import CHROMIUM, FLAGS, Dashboard, Visits, axe_source, serving_dashboard

# The rules of WCAG 2.2, levels A and AA.
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser, which is started once for a module."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    """A server with the prices of the package, without keys; a module may replace it."""
    with serving_dashboard() as served:
        yield served


@pytest.fixture
def visits(chromium: Any, dashboard: Dashboard) -> Iterator[Visits]:
    """Opens pages of the dashboard; in the end none may have had an error."""
    opened = Visits(chromium, dashboard.url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], list[str]]:
    """Return the accessibility violations of a page, each with the elements that have it."""
    source = axe_source(tmp_path_factory.mktemp("axe"))

    def violations(page: Any) -> list[str]:
        page.evaluate(source)
        options = {"runOnly": list(RULES), "resultTypes": ["violations"]}
        found = page.evaluate("(options) => axe.run(document, options)", options)
        return [
            f"{rule['id']}: {rule['help']}: {[node['target'] for node in rule['nodes']][:5]}"
            for rule in found["violations"]
        ]

    return violations
