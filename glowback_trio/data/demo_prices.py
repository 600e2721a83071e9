"""The prices that ship with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["demo_path"]


def demo_path() -> Path:
    """The directory of the shipped prices: AAPL, IBM and SPY, daily, 2015 to 2020.

    It is an ordinary data directory, so `Catalogue(root=demo_path())` serves it. Its
    `PROVENANCE.md` says what the prices are and are not.
    """
    return Path(str(files(__package__))) / "demo"
