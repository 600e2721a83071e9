"""The conditions that the runs of a list meet."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from attrs import field, frozen

from glowback_trio.model.bounds import Checked, MaxLen, MinLen, collected, describe_changes
from glowback_trio.model.instant import Edge, end_instant, start_instant
from glowback_trio.model.labelling.labels import search_text
from glowback_trio.model.lifecycle import State, Status

__all__ = ["RunFilter", "Since", "Until", "Word", "as_instant", "as_last_instant"]

Word = Annotated[str, MinLen(1), MaxLen(128)]
Since = Annotated[datetime, Edge("start")]
Until = Annotated[datetime, Edge("end")]


def as_instant(given: Any) -> Any:
    """Read a field's point in time; None stays None."""
    return None if given is None else collected(start_instant, given)


def as_last_instant(given: Any) -> Any:
    """Read a field's point in time, of which a date means its end; None stays None."""
    return None if given is None else collected(end_instant, given)


@frozen(kw_only=True, repr=False)
class RunFilter(Checked):
    """Conditions that a run meets, all of them; None: any run meets it.

    Attributes:
        state: Its state.
        tag: One of its tags.
        q: Text that occurs in its name, its note or one of its tags, in upper or lower case.
        search: Text that occurs in what `q` looks at, in its id, in the name of its strategy or in
            one of its symbols, in upper or lower case.
        strategy: Name of its strategy.
        symbol: One of its symbols.
        since: It was queued at this time or later.

    Raises:
        InvalidRequestError: With every problem found.
    """

    state: State | None = None
    tag: Word | None = None
    q: Word | None = None
    search: Word | None = None
    strategy: Word | None = None
    symbol: Word | None = None
    since: Since | None = field(default=None, converter=as_instant)

    __repr__ = describe_changes

    def matches(self, status: Status) -> bool:
        """Return whether a run with this status meets the conditions."""
        return (
            self.state in (None, status.state)
            and self.strategy in (None, status.strategy)
            and (self.tag is None or self.tag in status.tags)
            and (self.symbol is None or self.symbol in status.symbols)
            and (self.since is None or status.created_at >= self.since)
            and (self.q is None or self.q.casefold() in _search_text(status))
            and (self.search is None or _mentions(status, self.search.casefold()))
        )


def _mentions(status: Status, text: str) -> bool:
    named = (status.run_id, status.strategy, *status.symbols)
    return text in _search_text(status) or any(text in each.lower() for each in named)


def _search_text(status: Status) -> str:
    return search_text(status.name, status.tags, status.note)
