"""Streams that are cut in every message, resumed, and compared with the log.

Rule: whatever the cuts, the received events are the log. Here each message is cut at a few places;
`extended/cuts.py` cuts after every single byte.
"""

from __future__ import annotations

from random import Random

import pytest
from attrs import evolve
from support.cut_streams import CUTS, EVENTS, FORMS, REQUEST, Sweep, open_cut_client
from trio.testing import MockClock

from glowback_trio import assert_sound

# One place in so many; a prime, so that it does not keep step with the sizes of the messages.
STRIDE = 97


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("form", FORMS)
async def test_a_stream_cut_in_every_message_is_the_log(
    form: str, cut: str, autojump_clock: MockClock
) -> None:
    random = Random(0)
    async with open_cut_client(form, REQUEST) as client:
        await client.run.wait_finished()
        log = client.run.events(limit=1000)
        assert len(log) == EVENTS
        assert_sound(log)
        expected = [client.form.of(event) for event in log]
        places = await client.places()
        sweep = Sweep([each[random.randrange(min(STRIDE, len(each))) :: STRIDE] for each in places])
        while not sweep.done:
            assert await client.follow(cut, sweep.size_at) == expected


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("form", FORMS)
async def test_a_live_stream_cut_anywhere_is_the_log(
    form: str, cut: str, autojump_clock: MockClock
) -> None:
    """Cut a response that is still being sent, between events and within them."""
    sizes = Random(0)
    paced = evolve(REQUEST, stream=evolve(REQUEST.stream, pace_bars_per_s=1))
    async with open_cut_client(form, paced) as client:
        received = await client.follow(cut, lambda _cursor: sizes.randrange(500, 1500))
        log = client.run.events(limit=1000)
    assert received == [client.form.of(event) for event in log]
    assert_sound(log)
