"""Which files of a directory hold prices, and how names map to them.

A symbol never makes a path. The directory is listed once, and a symbol's file is one of the listed
names or none, compared exactly: what is not there cannot be reached, whatever it is called, and a
file system that ignores case does not make `aapl` out of `AAPL`.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from glowback_trio.model.request import SYMBOL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from glowback_trio.model.request import Resolution

__all__ = ["PriceDirectory", "PriceFile"]

_SUFFIXES: Mapping[str, Resolution] = {
    "1s": "second",
    "1m": "minute",
    "1h": "hour",
    "1d": "day",
    "second": "second",
    "minute": "minute",
    "hour": "hour",
    "day": "day",
}
# Names that no request could ask for are not listed, so that nobody is told to try them.
_NAME = re.compile(rf"(?P<symbol>{SYMBOL}?)(_(?P<suffix>{'|'.join(_SUFFIXES)}))?\.csv")


@frozen
class PriceFile:
    """One file of prices, as it was when it was looked at.

    Attributes:
        path: Where it is.
        symbol: Whose prices it holds.
        resolution: The length of its bars, or None where only its rows can tell.
        size: Bytes.
        changed: When it was written last, nanoseconds since 1970.
    """

    path: Path
    symbol: str
    resolution: Resolution | None
    size: int
    changed: int


@frozen(eq=False)
class PriceDirectory:
    """A directory and the names that were in it when it was listed.

    Attributes:
        home: What no file may lie outside of.
        path: The directory: `home` or one inside it.
        names: What it holds. Directories inside it are not searched.
    """

    home: Path
    path: Path
    names: frozenset[str]

    @classmethod
    def of(cls, root: Path, inner: str | None = None) -> PriceDirectory | None:
        """List a directory.

        Args:
            root: The data directory.
            inner: A directory inside it, as a stranger names it; None: `root` itself.

        Returns:
            None when it is no directory, cannot be read, or lies outside of `root` - by `..`, by
            being absolute, or through a symbolic link.
        """
        try:
            home = root.resolve()
            path = (home / (inner or ".")).resolve()
            if not path.is_relative_to(home):
                return None
            return cls(home, path, frozenset(os.listdir(path)))  # noqa: PTH208 - names are wanted
        except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL, a name too long
            return None

    def find(self, symbol: str, resolution: Resolution) -> PriceFile | None:
        """The file of a symbol that is named with this resolution, failing that, with none."""
        suffixes = [f"_{suffix}" for suffix, named in _SUFFIXES.items() if named == resolution]
        names = (f"{symbol}{suffix}.csv" for suffix in (*suffixes, ""))
        files = (self._look_at(name) for name in names if name in self.names)
        return next((file for file in files if file and file.symbol == symbol), None)

    def files(self) -> Iterator[PriceFile]:
        """Every file of prices, in the order of names."""
        return filter(None, map(self._look_at, sorted(self.names)))

    def resolutions(self, symbol: str) -> Sequence[Resolution]:
        """The resolutions that the names of a symbol's files bear."""
        named = dict.fromkeys(
            resolution
            for suffix, resolution in _SUFFIXES.items()
            if f"{symbol}_{suffix}.csv" in self.names
        )
        return tuple(named)

    def symbols(self) -> frozenset[str]:
        """Every symbol that a name speaks of."""
        return frozenset(name["symbol"] for name in map(_NAME.fullmatch, self.names) if name)

    def _look_at(self, name: str) -> PriceFile | None:
        """Describe a listed file; None for what holds no prices or is a link to the outside."""
        if (parts := _NAME.fullmatch(name)) is None:
            return None
        path = self.path / name
        try:
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                if not path.resolve().is_relative_to(self.home):
                    return None
                found = path.stat()
        except (OSError, RuntimeError):  # gone since, or a link that leads nowhere
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        resolution = _SUFFIXES.get(parts["suffix"] or "")
        return PriceFile(path, parts["symbol"], resolution, found.st_size, found.st_mtime_ns)
