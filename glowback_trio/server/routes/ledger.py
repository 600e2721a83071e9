"""The ledger of trials over HTTP: how often anyone has looked, and what a key has tried itself."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import attrs
from attrs import frozen
from quart import request

from glowback_trio.model.bounds import Checked, Ge, Le, Pattern
from glowback_trio.model.ledger.totals import TrialTotals
from glowback_trio.model.strategies.registry import with_aliases
from glowback_trio.model.stream_protocol import Cursor
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.http.route import prefix
from glowback_trio.server.security.api_keys import presented_key
from glowback_trio.server.state.app_state import AppState
from glowback_trio.store.run_filter import Word
from glowback_trio.wire.converter import Document

__all__ = ["LedgerQuery", "show_ledger"]

_MOST_TOTALS = 1000


@frozen(kw_only=True)
class LedgerQuery(Checked):
    """Which trials to count, and which entries to list.

    Attributes:
        strategy: Only trials of the strategy with this name or alias.
        dataset: Only trials on the bars with this digest, which `manifest.dataset.digest` has.
        after: Only entries with higher numbers.
        limit: The greatest number of entries to list.
    """

    strategy: Word | None = None
    dataset: Annotated[str, Pattern("sha256:[0-9a-f]{64}", "a digest")] | None = None
    after: Cursor = 0
    limit: Annotated[int, Ge(1), Le(1000)] = 100


async def show_ledger(app_state: AppState, query: LedgerQuery) -> Response:
    """Count the trials that anyone has made on this server, and list those of the caller's key.

    The ledger is an append-only chain: `head` is the hash of its newest entry, and stands for all
    of them. `trials` and `totals` count everybody's trials; of `totals`, the 1000 with the most
    trials are listed. `effective` leaves out trials that resemble others of the same optimization.
    `entries` are those of the caller's key alone, or of all where the server has no keys; a `Link`
    header with `rel="next"` points to the rest.
    """
    ledger, known = app_state.gateway.ledger, with_aliases(app_state.gateway.strategies)
    # A strategy that is not known now may still have trials.
    name = query.strategy
    strategy = known[name].name if name is not None and name in known else name
    counted = await ledger.totals(strategy, query.dataset)
    owner = presented_key(request.headers) or ""
    # One more, to see whether there is a next page.
    found = await ledger.entries(
        strategy, query.dataset, owner=owner, after=query.after, limit=query.limit + 1
    )
    page = found[: query.limit]
    headers = {"Link": _next_page(query, page[-1].number)} if len(found) > len(page) else {}
    whole = TrialTotals()
    for totals in counted.values():
        whole = whole.plus(totals)
    most = sorted(counted.items(), key=lambda item: (-item[1].trials, item[0]))[:_MOST_TOTALS]
    document = {
        "head": await ledger.head(),
        "damage": None if ledger.broken is None else ledger.broken.reason,
        **_counts(whole),
        "totals": [
            {"strategy": name, "dataset": dataset, **_counts(totals)}
            for (name, dataset), totals in most
        ],
        "entries": [attrs.asdict(entry) for entry in page],
    }
    return json_response(document, headers=headers)


def _counts(totals: TrialTotals) -> Document:
    return {"trials": totals.trials, "effective": totals.effective, "rated": totals.rated}


def _next_page(query: LedgerQuery, last: int) -> str:
    given = {name: value for name, value in attrs.asdict(query).items() if value is not None}
    return f'<{prefix(request.path)}/ledger?{urlencode(given | {"after": last})}>; rel="next"'
