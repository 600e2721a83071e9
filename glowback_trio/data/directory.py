"""Which files of a directory hold prices, and how names map to them.

A symbol never becomes part of a path. The directory is listed, each file's name says whose prices
it holds, and a symbol is looked up among those names, exactly as written.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from glowback_trio.model.request import Resolution

__all__ = ["PriceFile", "inside", "list_prices"]

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
_NAME = re.compile(
    rf"(?P<symbol>(?!.*\.\.)[A-Za-z0-9^][A-Za-z0-9.^=_-]{{0,31}}?)(_(?P<suffix>{'|'.join(_SUFFIXES)}))?\.csv",
    re.ASCII,
)


@frozen
class PriceFile:
    """One file of prices.

    Attributes:
        path: Where it is.
        symbol: Whose prices it holds.
        resolution: The length of its bars, or None where only its rows can tell.
    """

    path: Path
    symbol: str
    resolution: Resolution | None


def inside(root: Path, path: str) -> Path | None:
    """Resolve a directory named by a stranger.

    Args:
        root: What it must not leave, by `..`, by being absolute, or through a symbolic link.
        path: The name, relative to `root`.

    Returns:
        The directory, or None when it is none or lies outside.
    """
    try:
        home = root.resolve()
        directory = (home / path).resolve()
        return directory if directory.is_relative_to(home) and directory.is_dir() else None
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL, a name too long
        return None


def list_prices(root: Path, directory: Path) -> Mapping[str, Sequence[PriceFile]]:
    """List the price files of a directory by symbol.

    Args:
        root: The data directory; a link that leads out of it is not listed.
        directory: The directory itself. Its own directories are not searched.

    Returns:
        Every symbol's files, the one named with its resolution before the one without.

    Raises:
        OSError: The directory cannot be listed.
    """
    listed: defaultdict[str, list[PriceFile]] = defaultdict(list)
    for file in sorted(_price_files(root.resolve(), directory), key=_preference):
        listed[file.symbol].append(file)
    return dict(listed)


def _preference(file: PriceFile) -> tuple[bool, str]:
    return file.resolution is None, file.path.name


def _price_files(home: Path, directory: Path) -> Iterator[PriceFile]:
    with os.scandir(directory) as entries:
        for entry in entries:
            name = _NAME.fullmatch(entry.name)
            if name is None or not entry.is_file():
                continue
            path = Path(entry.path)
            if entry.is_symlink() and not path.resolve().is_relative_to(home):
                continue
            suffix = name["suffix"]
            yield PriceFile(path, name["symbol"], _SUFFIXES[suffix] if suffix else None)
