"""Find the price files of a directory, and map symbols to them.

The directory is listed once, and a symbol's file is one of the listed names, compared exactly. So
no symbol, however it is written, reaches a file outside of the directory, and a file system that
ignores case does not find `AAPL` for `aapl`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import cast

from attrs import frozen

from glowback_trio.data.files.factors import FACTORS_ENDING
from glowback_trio.data.files.price_file import FORMATS, FileFormat, PriceFile
from glowback_trio.data.files.provenance import PROVENANCE
from glowback_trio.data.files.symbol_names import file_stems, symbol_of_stem
from glowback_trio.data.reading.unchanged_file import version_of
from glowback_trio.errors import ResourceError
from glowback_trio.model.request import Resolution

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
#: The suffix for each resolution in the names of files that this package writes.
RESOLUTION_SUFFIX: Mapping[Resolution, str] = {
    "second": "1s",
    "minute": "1m",
    "hour": "1h",
    "day": "1d",
}

_SUFFIX = "|".join(_SUFFIXES)
_NAME = re.compile(
    rf"(?!.*{re.escape(FACTORS_ENDING)}$)"
    # The stem is matched lazily, so that a suffix is not taken for a part of it.
    rf"(?P<stem>.+?)(_(?P<suffix>{_SUFFIX}))?\.(?P<format>{'|'.join(FORMATS)})"
)


@frozen
class _Name:
    """The symbol and resolution in the name of a price file."""

    symbol: str
    resolution: Resolution | None
    format: FileFormat

    @classmethod
    # Every request with an unknown symbol reads all names of a directory, of which few change.
    @lru_cache(maxsize=1 << 16)
    def of(cls, name: str) -> _Name | None:
        """Read a name; None if it is not that of a price file.

        Names whose symbol no request may have are not, so that they are never suggested.
        """
        parts = _NAME.fullmatch(name)
        if parts is None or (symbol := symbol_of_stem(parts["stem"])) is None:
            return None
        resolution = _SUFFIXES.get(parts["suffix"] or "")
        return cls(symbol, resolution, cast("FileFormat", parts["format"]))


@lru_cache
def _endings(resolution: Resolution) -> Sequence[str]:
    """Return what may follow a symbol in the names of files with bars of a resolution."""
    return (*(f"_{suffix}" for suffix, named in _SUFFIXES.items() if named == resolution), "")


def _is_ours(name: str) -> bool:
    return _Name.of(name) is not None or name.endswith(FACTORS_ENDING) or name == PROVENANCE


def symbol_in_name(name: str) -> str | None:
    """Return the symbol in the name of a price file; None if it is not such a name."""
    named = _Name.of(name)
    return named.symbol if named else None


@frozen(eq=False)
class PriceDirectory:
    """A directory and the names in it when it was listed.

    Attributes:
        home: The data directory, which contains every file that may be read.
        path: The directory: `home` or one inside it.
        names: The names in `path`. Subdirectories are not searched.
    """

    home: Path
    path: Path
    names: frozenset[str]

    @classmethod
    def of(cls, root: Path, inner: str | None = None) -> PriceDirectory | None:
        """List a directory.

        Args:
            root: The data directory.
            inner: A directory inside it, from an untrusted request; None: `root` itself.

        Returns:
            None if it is not a directory, cannot be read, or is outside of `root`: by `..`, by an
            absolute path, or through a symbolic link.
        """
        try:
            home = root.resolve()
            path = (home / (inner or ".")).resolve()
            if not path.is_relative_to(home):
                return None
            return cls(home, path, frozenset(os.listdir(path)))  # noqa: PTH208 - only the names are needed
        except (OSError, RuntimeError, ValueError) as error:
            ResourceError.check(error)
            return None  # a loop of links, a NUL, too long a name

    def find(
        self, symbol: str, resolution: Resolution, formats: Sequence[FileFormat] = FORMATS
    ) -> tuple[PriceFile, ...]:
        """Return the files that may hold a symbol's bars: named with this resolution or with none.

        More than one is ambiguous, and the caller's to refuse.
        """
        stems = file_stems(symbol)
        # A symbol such as `AAPL_1d` would match the name of `AAPL`, hence the comparison below.
        names = [
            f"{stem}{suffix}.{form}"
            for form in formats
            for suffix in _endings(resolution)
            for stem in stems
        ]
        files = (self._price_file(name) for name in names if name in self.names)
        return tuple(file for file in files if file and file.symbol == symbol)

    def factors(self, symbol: str) -> Path | None:
        """Return the file of a symbol's adjustment factors; None if there is none."""
        named = (f"{stem}{FACTORS_ENDING}" for stem in file_stems(symbol))
        found = (self.path / name for name in named if name in self.names and self._stat(name))
        return next(found, None)

    def provenance(self) -> Path | None:
        """Return the file that says where the prices come from; None if there is none."""
        is_there = PROVENANCE in self.names and self._stat(PROVENANCE)
        return self.path / PROVENANCE if is_there else None

    def files(self) -> Iterator[PriceFile]:
        """Yield every price file, ordered by name."""
        return filter(None, map(self._price_file, sorted(self.names)))

    def others(self, wanted: Callable[[str], bool]) -> Iterator[Path]:
        """Yield the wanted files that are none of this package, ordered by name; no hidden ones.

        Args:
            wanted: Says by its name whether a file is wanted.
        """
        for name in sorted(each for each in self.names if not _is_ours(each) and wanted(each)):
            if not name.startswith(".") and self._stat(name):
                yield self.path / name

    def factors_files(self) -> Iterator[Path]:
        """Yield every factors file, ordered by name."""
        named = (name for name in sorted(self.names) if name.endswith(FACTORS_ENDING))
        return (self.path / name for name in named if self._stat(name))

    def resolutions(
        self, symbol: str, formats: Sequence[FileFormat] = FORMATS
    ) -> Sequence[Resolution]:
        """Return the resolutions in the names of a symbol's files."""
        named = dict.fromkeys(
            resolution
            for suffix, resolution in _SUFFIXES.items()
            if any(
                f"{stem}_{suffix}.{form}" in self.names
                for form in formats
                for stem in file_stems(symbol)
            )
        )
        return tuple(named)

    def symbols(self, formats: Sequence[FileFormat] = FORMATS) -> frozenset[str]:
        """Return the symbols in the names of all price files."""
        named = filter(None, map(_Name.of, self.names))
        return frozenset(one.symbol for one in named if one.format in formats)

    def _price_file(self, name: str) -> PriceFile | None:
        """Describe a price file; None if it is not one, or a link out of the data directory."""
        if (named := _Name.of(name)) is None:
            return None
        if (found := self._stat(name)) is None:
            return None
        return PriceFile(
            location=self._prefix + name,
            name=name,
            symbol=named.symbol,
            resolution=named.resolution,
            format=named.format,
            version=version_of(found),
        )

    @cached_property
    def _prefix(self) -> str:
        return os.path.join(self.path, "")  # noqa: PTH118 - ends with a separator, as no path does

    def _stat(self, name: str) -> os.stat_result | None:
        """Return the status of a file; None if it is not a file, or a link out of the directory."""
        try:
            found = os.lstat(self._prefix + name)
            if stat.S_ISLNK(found.st_mode):
                path = self.path / name
                if not path.resolve().is_relative_to(self.home):
                    return None
                found = path.stat()
        except (OSError, RuntimeError) as error:
            ResourceError.check(error)
            return None  # deleted since, or a broken link
        return found if stat.S_ISREG(found.st_mode) else None
