"""Files of a directory that seem to hold prices but are not read, and what to do about each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from attrs import frozen

from glowback_trio.data.files.directory import PriceDirectory, symbol_in_name

__all__ = ["NearMiss", "near_misses", "near_misses_of"]

_COMPRESSED = re.compile(r"\.(gz|bz2|xz|zip)$", re.IGNORECASE)
_TEXT = re.compile(r"\.(csv|txt|tsv|dat)$", re.IGNORECASE)
_PARQUET = re.compile(r"\.(parquet|parq|pq)$", re.IGNORECASE)
_WORKBOOK = re.compile(r"\.(xlsx?|ods)$", re.IGNORECASE)
_FEWEST = 4  # separators in a line of a time and four prices
_SEPARATORS = b",;\t|"
_WORD_END = re.compile(r"[\W_]|$")
# Files that are looked into for one request: each has to be opened.
_MOST = 50


@frozen
class NearMiss:
    """A file that is not read.

    Attributes:
        name: Its name.
        symbol: The symbol that it probably holds.
        advice: What it is and what to do, as a sentence.
    """

    name: str
    symbol: str
    advice: str

    @property
    def is_parquet(self) -> bool:
        """True if its name says that it is a Parquet file."""
        return bool(_PARQUET.search(self.name))


def near_misses(
    directory: PriceDirectory, wanted: Callable[[str], bool] = bool
) -> Iterator[NearMiss]:
    """Yield the files of a directory that seem to hold prices but are not read, ordered by name.

    Args:
        directory: The directory.
        wanted: Says by its name whether a file is looked at.
    """
    for path in directory.others(wanted):
        if advice := _advice(path):
            name = _printable(path.name)
            yield NearMiss(name, _symbol_of(name), f"{name} is not read: {advice}")


def near_misses_of(
    directory: PriceDirectory, symbols: Iterable[str]
) -> Mapping[str, Sequence[NearMiss]]:
    """Return for each symbol some files that seem to hold its prices but are not read.

    Symbols for which there is none are left out.
    """
    wanted: dict[str, list[str]] = {}
    for symbol in symbols:
        wanted.setdefault(symbol.casefold(), []).append(symbol)
    found: dict[str, list[NearMiss]] = {}
    misses = near_misses(directory, lambda name: any(each in wanted for each in _beginnings(name)))
    for miss in islice(misses, _MOST):
        for beginning in _beginnings(miss.name):
            for symbol in wanted.get(beginning, ()):
                found.setdefault(symbol, []).append(miss)
    return found


def _beginnings(name: str) -> Iterator[str]:
    """Yield the beginnings of a name that may be a symbol: those that end where a word does."""
    folded = name.casefold()
    for end in _WORD_END.finditer(folded):
        yield folded[: end.start()]


def _advice(path: Path) -> str | None:
    """Return what to do with a file; None if nothing says that it holds prices."""
    name = path.name
    importing = f"import it with glowback-trio data import {_quoted(name)}"
    if _COMPRESSED.search(name):
        return f"it is compressed; {importing}"
    if _WORKBOOK.search(name):
        return "it is a workbook; save it as CSV"
    if ending := _PARQUET.search(name):
        return _renamed(f"{name[: ending.start()]}.parquet") or importing
    if not (ending := _TEXT.search(name)) or not _has_cells(path):
        return None
    if ending[0].lower() == ".csv":
        return _renamed(f"{name[: ending.start()]}.csv") or importing
    return importing


def _renamed(name: str) -> str | None:
    return f"rename it to {name}" if symbol_in_name(name) else None


def _quoted(name: str) -> str:
    name = _printable(name)
    return f"'{name}'" if re.search(r"[^\w.^=-]", name) else name


def _printable(name: str) -> str:
    """Return a name without characters that move a cursor or cannot be encoded."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name)


def _symbol_of(name: str) -> str:
    stem = _COMPRESSED.sub("", name)
    for ending in (_TEXT, _PARQUET, _WORKBOOK):
        stem = ending.sub("", stem)
    return symbol_in_name(f"{stem}.csv") or re.split(r"[ (,]", stem, maxsplit=1)[0] or stem


def _has_cells(path: Path) -> bool:
    """Return whether the first line of a file has the separators of a table."""
    try:
        with path.open("rb") as file:
            line = file.readline(4096).replace(b"\0", b"")
    except OSError:
        return True  # worth naming, because nobody can tell
    return any(line.count(bytes([separator])) >= _FEWEST for separator in _SEPARATORS)
