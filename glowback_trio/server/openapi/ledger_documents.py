"""Typed dicts of the ledger of trials; see `documents`."""

from __future__ import annotations

from typing import Annotated, TypedDict

from glowback_trio.model.bounds import Ge, Pattern
from glowback_trio.model.ledger.entry import Origin

__all__ = ["LedgerDocument", "Overfit"]

_Digest = Annotated[str, Pattern("sha256:[0-9a-f]{64}", "a digest")]
_Count = Annotated[int, Ge(0)]


class Overfit(TypedDict):
    """The trust that the Sharpe ratio of a run deserves, by how often anyone has looked.

    Attributes:
        probabilistic_sharpe_ratio: Probability that the true ratio is above 0, of one look; null if
            undefined.
        deflated_sharpe_ratio: Probability that it is more than the luck of `effective_trials`.
        trials: Trials that anyone has made of this strategy on these bars.
        effective_trials: Trials without those that resemble others of the same optimization.
        dataset: Digest of the bars.
        ledger_head: Hash of the newest entry of the ledger of trials.
    """

    probabilistic_sharpe_ratio: float | None
    deflated_sharpe_ratio: float | None
    trials: _Count
    effective_trials: _Count
    strategy: str
    dataset: _Digest
    ledger_head: _Digest


class FamilyDocument(TypedDict):
    """A strategy family, as the ledger counts its trials.

    Attributes:
        name: Name of the strategy.
        fingerprint: SHA-256 of what a custom class does; null for a built-in strategy.
    """

    name: str
    fingerprint: str | None


class TallyDocument(TypedDict):
    """A batch of trials, counted.

    Attributes:
        dataset: Digest of the bars.
        origin_id: Id of the run or optimization.
        owner: Digest of the key that asked for it; empty: none.
        rated: How many have a Sharpe ratio.
        sharpe_sum: Sum of these ratios, per bar.
        sharpe_square_sum: Sum of their squares.
        alike: How many trials of the optimization resemble others.
    """

    family: FamilyDocument
    dataset: _Digest
    origin: Origin
    origin_id: str
    owner: str
    trials: _Count
    rated: _Count
    sharpe_sum: float
    sharpe_square_sum: float
    alike: _Count


class LedgerEntryDocument(TypedDict):
    """An entry of the ledger.

    Attributes:
        number: Its place, from 1.
        previous: Hash of the entry before it.
        hash: SHA-256 over `number`, `previous` and the fields of `tally` as one object in canonical
            JSON: keys in alphabetical order, no white space, UTF-8.
    """

    number: Annotated[int, Ge(1)]
    previous: _Digest
    hash: _Digest
    tally: TallyDocument


class LedgerTotals(TypedDict):
    """Everybody's trials of one strategy on one dataset.

    Attributes:
        effective: Trials without those that resemble others of the same optimization.
        rated: Trials that have a Sharpe ratio.
    """

    strategy: str
    dataset: _Digest
    trials: _Count
    effective: _Count
    rated: _Count


class LedgerDocument(TypedDict):
    """The trials that anyone has made.

    Attributes:
        head: Hash of the newest entry.
        damage: Why the chain does not hold; null if it does.
        trials: Everybody's trials.
        effective: Trials without those that resemble others of the same optimization.
        rated: Trials that have a Sharpe ratio.
        totals: Everybody's trials by strategy and dataset.
        entries: Entries of the caller's key.
    """

    head: _Digest
    damage: str | None
    trials: _Count
    effective: _Count
    rated: _Count
    totals: list[LedgerTotals]
    entries: list[LedgerEntryDocument]
