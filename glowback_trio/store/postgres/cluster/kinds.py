"""What gateways hold: runs and optimizations, each in a table of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import frozen

from glowback_trio.store.cluster import Named

__all__ = ["KINDS", "NOBODY", "Kind", "by_kind"]


@frozen
class Kind:
    """Where things of a kind are kept.

    Attributes:
        table: Their table.
        id: Its column of ids.
        begun: What `begun` is of one that nobody holds any more.
    """

    table: str
    id: str
    begun: str


KINDS: Mapping[str, Kind] = {
    "run": Kind("runs", "run_id", "state <> 'queued'"),
    "optimization": Kind("optimizations", "optimization_id", "false"),
}

#: The condition that nobody holds a row, whose lease is not fenced.
NOBODY = (
    "(held_by IS NULL OR NOT EXISTS (SELECT FROM gateways WHERE epoch = held_by AND NOT fenced))"
)


def by_kind(named: Collection[Named]) -> list[tuple[str, Kind, list[str]]]:
    """Return the ids of each kind that there is, with the name of the kind."""
    found = [
        (name, kind, [identity for each, identity in named if each == name])
        for name, kind in KINDS.items()
    ]
    return [(name, kind, ids) for name, kind, ids in found if ids]
