"""A curve that grows without end, in a real browser: what is kept of its rows, and what is drawn.

Doctrine: of a million rows few are kept, but the first, the newest and all extremes are among them.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.dashboard import Visits

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

GROW = """async ({ count, most }) => {
  const { LiveRows } = await import("/assets/charts/live_rows.js");
  const rows = new LiveRows(most, [1, 2]), all = [];
  let seed = 1, largest = 0;
  for (let at = 0; at < count; at += 1) {
    seed = (seed * 48271) % 2147483647;
    const row = [at, seed / 2147483647, Math.sin(at / 1000)];
    all.push(row);
    rows.add(row);
    if (rows.isFull) rows.halve();
    largest = Math.max(largest, rows.rows.length);
  }
  const extremes = [1, 2].flatMap((column) => {
    const sorted = [...all].sort((one, other) => one[column] - other[column]);
    return [sorted[0][0], sorted[count - 1][0]];
  });
  return { kept: rows.rows.map(([at]) => at), extremes, largest, received: rows.received };
}"""


@pytest.mark.parametrize(("count", "most"), [(10, 400), (5_000, 400), (100_000, 1_000)])
def test_few_rows_keep_the_shape_of_many(visits: Visits, count: int, most: int) -> None:
    page = visits.open("/ui/api")
    grown: dict[str, Any] = page.evaluate(GROW, {"count": count, "most": most})
    kept = grown["kept"]
    assert grown["received"] == count
    assert grown["largest"] <= most + 4
    assert kept == sorted(set(kept))
    assert kept[0] == 0
    assert kept[-1] == count - 1
    # The newest bucket is open: only its newest row is shown.
    open_rows = count - kept[-2] if count > most else 0
    assert all(at in kept or at > count - 1 - open_rows for at in grown["extremes"])
    if count <= most:
        assert kept == list(range(count))
