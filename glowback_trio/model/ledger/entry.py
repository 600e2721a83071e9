"""Entries of the trial ledger: a batch of trials, counted, and bound to all entries before it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import asdict, field, frozen

from glowback_trio.model.ledger.family import Family
from glowback_trio.model.short_repr import describe

__all__ = [
    "GENESIS",
    "LedgerEntry",
    "Origin",
    "Tally",
    "digest_of",
    "digest_parts",
    "next_entry",
    "owner_digest",
]

#: What stands for the hash before the first entry.
GENESIS = f"sha256:{'0' * 64}"

Origin = Literal["run", "optimization"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@frozen
class Tally:
    """A batch of trials of one family on one dataset, counted.

    Attributes:
        family: What was tried.
        dataset: Digest of the bars, as `dataset.digest` of a manifest.
        origin: Whether it was a run or an optimization.
        origin_id: Its id.
        owner: Digest of the key that asked for it; "" where there are no keys.
        trials: How many, those that failed included.
        rated: How many of them have a Sharpe ratio.
        sharpe_sum: Sum of these ratios, which are per bar and not annualised.
        sharpe_square_sum: Sum of their squares.
        alike: How many trials of this origin, entered here or before, turned out to resemble
            others of them, and so do not count.

    Raises:
        ValueError: A count or a sum that no trials have, or something that is not a digest.
    """

    family: Family
    dataset: str
    origin: Origin
    origin_id: str
    owner: str
    trials: int
    rated: int
    # A store may give back whole numbers as integers, whose text and hash would be others.
    sharpe_sum: float = field(converter=float)
    sharpe_square_sum: float = field(converter=float)
    alike: int = 0

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.rated <= self.trials:
            raise ValueError(f"{self.rated!r} of {self.trials!r} trials cannot have a Sharpe ratio")
        if self.alike < 0 or not self.trials + self.alike:
            raise ValueError(f"{self.trials!r} trials, {self.alike!r} alike, are nothing to enter")
        if not math.isfinite(self.sharpe_sum) or not 0 <= self.sharpe_square_sum < math.inf:
            sums = (self.sharpe_sum, self.sharpe_square_sum)
            raise ValueError(f"sums of Sharpe ratios and of their squares should not be {sums!r}")
        for digest in (self.dataset, self.owner or GENESIS):
            if not _DIGEST.fullmatch(digest):
                raise ValueError(f"a digest is sha256: and 64 hexadecimal digits, not {digest!r}")

    @classmethod
    def of(
        cls,
        sharpes: Iterable[float | None],
        *,
        family: Family,
        dataset: str,
        origin: Origin,
        origin_id: str,
        owner: str = "",
        alike: int = 0,
    ) -> Tally:
        """Count trials.

        Args:
            sharpes: Sharpe ratio per bar of each trial; None or NaN where there is none, as of a
                trial that failed.
            family: What was tried.
            dataset: Digest of the bars.
            origin: Whether it was a run or an optimization.
            origin_id: Its id.
            owner: Digest of the key that asked for it.
            alike: How many of this origin resemble others; known at its end, when there are no
                further trials.

        Raises:
            ValueError: There is nothing to enter.
        """
        every = list(sharpes)
        rated = [one for one in every if one is not None and math.isfinite(one)]
        # Exact sums, so that the order in which trials finish changes nothing.
        total, square = math.fsum(rated), math.fsum(one * one for one in rated)
        counts = (len(every), len(rated), total, square, alike)
        return cls(family, dataset, origin, origin_id, owner, *counts)


def owner_digest(key: str | None) -> str:
    """Return what an entry says of the key that asked for the trials; "" without a key."""
    return "" if key is None else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


@frozen(repr=False)
class LedgerEntry:
    """An entry of the ledger. It holds no time, so that the same trials give the same chain.

    Attributes:
        number: Its place, from 1.
        previous: Hash of the entry before it; `GENESIS` in the first one.
        hash: SHA-256 over all else that it holds.
        tally: The trials.
    """

    number: int
    previous: str
    hash: str
    tally: Tally

    def __repr__(self) -> str:
        """Return number, trials and family."""
        family = self.tally.family.name
        return describe(self, f"number {self.number}", trials=self.tally.trials, family=family)


def next_entry(head: LedgerEntry | None, tally: Tally) -> LedgerEntry:
    """Return the entry that follows the newest one.

    Args:
        head: The newest entry; None if the ledger is empty.
        tally: The trials to enter.
    """
    number, previous = (head.number + 1, head.hash) if head else (1, GENESIS)
    return LedgerEntry(number, previous, digest_of(number, previous, tally), tally)


def digest_of(number: int, previous: str, tally: Tally) -> str:
    """Return the hash of an entry: SHA-256 over its fields as canonical JSON.

    Canonical means keys in alphabetical order, no white space, UTF-8, and numbers in the shortest
    form that is read back as the same number.
    """
    before, between, after = digest_parts(tally)
    written = f"{before}{number}{between}{previous}{after}"
    return f"sha256:{hashlib.sha256(written.encode()).hexdigest()}"


def digest_parts(tally: Tally) -> tuple[str, str, str]:
    """Return what is hashed of trials: the text before the number, up to the hash, and after it.

    A database that numbers entries itself puts those two in between.
    """
    content = asdict(tally)
    before = {name: value for name, value in content.items() if name < "number"}
    between = {name: value for name, value in content.items() if "number" < name < "previous"}
    after = {name: value for name, value in content.items() if name > "previous"}
    return (
        f'{_canonical(before)[:-1]},"number":',
        f',{_canonical(between)[1:-1]},"previous":"',
        f'",{_canonical(after)[1:]}',
    )


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
