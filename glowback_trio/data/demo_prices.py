"""The prices shipped with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["demo_path"]


def demo_path() -> Path:
    """Return the directory of the shipped prices: AAPL, IBM and SPY, daily, 2015 to 2020.

    It is an ordinary data directory, as for `Catalogue(root=demo_path())`. Its `PROVENANCE.md`
    describes the prices.
    """
    return Path(str(files(__package__))) / "demo"
