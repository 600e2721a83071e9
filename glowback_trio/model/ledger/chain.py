"""The chain of the trial ledger: whether each entry stands on the one before it."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from glowback_trio.model.ledger.entry import GENESIS, LedgerEntry, digest_of

__all__ = ["BrokenEntry", "first_broken"]


@frozen
class BrokenEntry:
    """The first entry of a ledger that does not follow from those before it.

    Attributes:
        number: Its place, from 1, whatever number it gives itself.
        reason: What is wrong, as a sentence.
    """

    number: int
    reason: str


def first_broken(
    entries: Iterable[LedgerEntry], after: LedgerEntry | None = None
) -> BrokenEntry | None:
    """Return the first entry that was changed, put in or left out; None if the chain is whole.

    Entries missing at the end do not show: compare the last hash with one that was quoted before.
    Nor does a chain that was made anew from its beginning.

    Args:
        entries: The ledger in order, or a part of it.
        after: The entry before the part, if it was checked earlier.
    """
    number, previous = (after.number, after.hash) if after else (0, GENESIS)
    for entry in entries:
        number += 1
        if reason := _fault(entry, number, previous):
            return BrokenEntry(number, reason)
        previous = entry.hash
    return None


def _fault(entry: LedgerEntry, number: int, previous: str) -> str | None:
    if entry.number != number:
        return f"Entry {number} has the number {entry.number}: entries were left out or put in"
    if entry.previous != previous:
        return (
            f"Entry {number} follows an entry with the hash {entry.previous}, "
            f"but the entry before it has {previous}"
        )
    if entry.hash != (true := digest_of(entry.number, entry.previous, entry.tally)):
        return f"Entry {number} was changed: its content has the hash {true}, not {entry.hash}"
    return None
