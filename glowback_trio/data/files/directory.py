"""Which files of a directory hold prices, and how names map to them.

A symbol never makes a path. The directory is listed once, and a symbol's file is one of the listed
names or none, compared exactly: what is not there cannot be reached, whatever it is called, and a
file system that ignores case does not make `aapl` out of `AAPL`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from attrs import frozen

from glowback_trio.data.files.factors import FACTORS_ENDING
from glowback_trio.data.files.price_file import FORMATS, Format, PriceFile, version_of
from glowback_trio.model.request import SYMBOL, Resolution

__all__ = ["RESOLUTION_SUFFIX", "PriceDirectory", "symbol_in_name"]

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
#: How the names of files that are written here say their resolution.
RESOLUTION_SUFFIX: Mapping[Resolution, str] = {
    "second": "1s",
    "minute": "1m",
    "hour": "1h",
    "day": "1d",
}

_SUFFIX = "|".join(_SUFFIXES)
# Names that no request could ask for are not listed, so that nobody is told to try them.
_NAME = re.compile(
    rf"(?!.*{re.escape(FACTORS_ENDING)}$)"
    rf"(?P<symbol>{SYMBOL}?)(_(?P<suffix>{_SUFFIX}))?\.(?P<format>{'|'.join(FORMATS)})"
)


def symbol_in_name(name: str) -> str | None:
    """The symbol whose prices a file of this name holds; None for a name of no price file."""
    parts = _NAME.fullmatch(name)
    return parts["symbol"] if parts else None


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

    def find(
        self, symbol: str, resolution: Resolution, formats: Sequence[Format] = FORMATS
    ) -> tuple[PriceFile, ...]:
        """The files that may hold a symbol's bars: named with this resolution, or with none.

        More than one is one too many: nothing says which of them is meant.
        """
        suffixes = [f"_{suffix}" for suffix, named in _SUFFIXES.items() if named == resolution]
        names = [f"{symbol}{suffix}.{form}" for form in formats for suffix in (*suffixes, "")]
        files = (self._look_at(name) for name in names if name in self.names)
        return tuple(file for file in files if file and file.symbol == symbol)

    def factors(self, symbol: str) -> Path | None:
        """The file of a symbol's adjustment factors."""
        path = self.path / f"{symbol}{FACTORS_ENDING}"
        return path if path.name in self.names and self._stat(path) else None

    def files(self) -> Iterator[PriceFile]:
        """Every file of prices, in the order of names."""
        return filter(None, map(self._look_at, sorted(self.names)))

    def factors_files(self) -> Iterator[Path]:
        """Every file of factors, in the order of names."""
        named = (self.path / name for name in sorted(self.names) if name.endswith(FACTORS_ENDING))
        return filter(self._stat, named)

    def resolutions(self, symbol: str, formats: Sequence[Format] = FORMATS) -> Sequence[Resolution]:
        """The resolutions that the names of a symbol's files bear."""
        named = dict.fromkeys(
            resolution
            for suffix, resolution in _SUFFIXES.items()
            if any(f"{symbol}_{suffix}.{form}" in self.names for form in formats)
        )
        return tuple(named)

    def symbols(self, formats: Sequence[Format] = FORMATS) -> frozenset[str]:
        """Every symbol that a name speaks of."""
        parts = filter(None, map(_NAME.fullmatch, self.names))
        return frozenset(name["symbol"] for name in parts if name["format"] in formats)

    def _look_at(self, name: str) -> PriceFile | None:
        """Describe a listed file; None for what holds no prices or is a link to the outside."""
        parts = _NAME.fullmatch(name)
        if parts is None:
            return None
        path = self.path / name
        if (found := self._stat(path)) is None:
            return None
        return PriceFile(
            path=path,
            symbol=parts["symbol"],
            resolution=_SUFFIXES.get(parts["suffix"] or ""),
            format=cast("Format", parts["format"]),
            version=version_of(found),
        )

    def _stat(self, path: Path) -> os.stat_result | None:
        """Look at a listed file; None for what is no file or is a link to the outside."""
        try:
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                if not path.resolve().is_relative_to(self.home):
                    return None
                found = path.stat()
        except (OSError, RuntimeError):  # gone since, or a link that leads nowhere
            return None
        return found if stat.S_ISREG(found.st_mode) else None
