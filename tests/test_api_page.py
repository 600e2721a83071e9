"""The API reference is what the code says.

Doctrine: docs/api.md is written from signatures and docstrings, so a change of either changes the
page in the same commit. `nox -s api` runs this file, which writes the page anew.
"""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from support.api_page import PACKAGES, PAGE, written


def test_the_api_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "run `nox -s api`"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_on_the_page(package: str) -> None:
    section = written().partition(f"\n## {package}\n")[2].partition("\n## ")[0]
    names = {name for name in import_module(package).__all__ if not name.startswith("__")}
    assert set(re.findall(r"^### (\w+)$", section, re.MULTILINE)) == names


def test_what_a_function_and_a_class_show() -> None:
    page = written()
    assert "def demo_path() -> Path\n```\n\nReturn the directory of the shipped prices" in page
    assert "@asynccontextmanager\nasync def open_gateway(\n    *,\n    data: Source | Path" in page
    assert "- `max_running`: How many runs" in page
    assert "#### Gateway.submit\n" in page
    assert "    initial_capital: " in page
    assert "def assert_sound(events: Iterable[Event], *, ended: bool = True, " in page
    assert "    carry: Mapping[str, float] = …" in page
    assert "_nursery" not in page


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
