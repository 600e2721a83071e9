"""Streams that are cut after every single byte and resumed.

Rule: what was received over all connections is the log, without loss or repetition. Not collected
with the other tests, since a quarter of a million connections take several minutes: `nox -s cuts`.
`tests/server/test_cuts.py` is the short form.
"""

from __future__ import annotations

import pytest
from support.cut_streams import CUTS, EVENTS, FORMS, REQUEST, Sweep, open_cut_client
from trio.testing import MockClock


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("form", FORMS)
async def test_a_stream_cut_after_every_byte_is_the_log(
    form: str, cut: str, autojump_clock: MockClock
) -> None:
    async with open_cut_client(form, REQUEST) as client:
        await client.run.wait_finished()
        log = client.run.events(limit=EVENTS)
        places = await client.places()
        assert len(log) == len(places) == EVENTS
        assert sum(map(len, places)) > sum(len(event.data) for event in log)
        sweep = Sweep(places)
        while not sweep.done:
            assert await client.follow(cut, sweep.size_at) == [client.form.of(e) for e in log]
