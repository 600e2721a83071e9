"""Subscribe to a log that other gateways of the cluster may have told more of."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from glowback_trio.actors import Streamed, Subscription
from glowback_trio.errors import CursorAheadError
from glowback_trio.server.state.holding import Holding
from glowback_trio.store.cluster import Named

__all__ = ["subscribe"]


async def subscribe(
    holding: Holding | None,
    named: Named,
    source: Streamed,
    after: int,
    types: Collection[Any] | None,
) -> Subscription:
    """Subscribe to a log from a cursor on.

    Args:
        holding: The gateways of the cluster; None: there is one only.
        named: Names what the log is of.
        source: Has the log.
        after: Id of the last event already known; 0 for none.
        types: Only events of these types, and the terminal one; None: all.

    Raises:
        CursorAheadError: The log has not reached `after`.
        StoreError: It has, and this gateway does not know that yet: it was stopped while others
            went on, or has not heard yet what its own commit has stored.
    """
    try:
        return source.subscribe(after, types)
    except CursorAheadError:
        if holding is not None and source.needs_task:
            await holding.check_position(named, after)
        raise
