"""The declaration of a vendor's format: what it is recognised by, what its files leave unsaid."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen

__all__ = ["Vendor"]


@frozen(kw_only=True)
class Vendor:
    """One format. What is not declared is worked out from the file, as for any other file.

    Attributes:
        name: What `--format` takes.
        title: Whose format it is, for lists.
        header: Names of columns that identify it, as `roles.plain` writes them; empty if its files
            are recognised by other means.
        in_order: Whether the header has to begin with these columns, in this order.
        absent: Names of columns that files of this format do not have.
        order: What the columns of a file without a header hold, `-` for anything; empty if files
            always have a header.
        counted: Whether the times of files without a header are counts since 1970.
        by_name: Whether a file has to be named as `symbol_in_name` says to be recognised.
        day_first: Whether 03/04/2023 is 3 April; None: the file has to show it.
        zone: Zone of the market whose clock the times show, where no offset stands beside them.
        symbol_in_name: A regular expression with a group `symbol` for the names of its files; the
            group is empty where a name says no symbol.
        adjusted: Whether all prices are adjusted for splits and dividends.
        note: What a user should know of its files.
    """

    name: str
    title: str
    header: tuple[str, ...] = ()
    in_order: bool = False
    absent: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    counted: bool = False
    by_name: bool = False
    day_first: bool | None = None
    zone: str | None = None
    symbol_in_name: str = ""
    adjusted: bool = False
    note: str = ""

    def wrote(self, names: Sequence[str]) -> bool:
        """Return whether a header, of names as `roles.plain` writes them, is one of this format."""
        if not self.header or self.absent & set(names):
            return False
        if self.in_order:
            return tuple(names[: len(self.header)]) == self.header
        return set(self.header) <= set(names)

    def symbol_of(self, name: str) -> str | None:
        """Return the symbol in the name of a file, without its ending; None if there is none."""
        parts = re.fullmatch(self.symbol_in_name, name) if self.symbol_in_name else None
        return parts["symbol"] if parts else None
