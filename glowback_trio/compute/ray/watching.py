"""Watch what a connection to a Ray cluster stands on: its head, and the node of this machine.

Ray connects a process once. Without its head, or without the node on its own machine, nothing ends
that was begun, and some calls end the whole process (seen with Ray 2.60). So those are looked at
from outside.
"""

from __future__ import annotations

from collections.abc import Mapping

import trio

from glowback_trio.errors import ComputeError

__all__ = ["watch"]

_PERIOD_S, _ANSWER_S = 2.0, 2.0
# As long as a head that Ray can start again (with its state in Redis) may be away.
_PATIENCE_S = 30.0


async def watch(places: Mapping[str, tuple[str, int]]) -> None:
    """Watch places for ever.

    Args:
        places: Host and port of each, by what is there.

    Raises:
        ComputeError: One of them has not answered for 30 s.
    """
    answered = dict.fromkeys(places, trio.current_time())
    while True:
        for what, (host, port) in places.items():
            if await _answers(host, port):
                answered[what] = trio.current_time()
            elif trio.current_time() - answered[what] >= _PATIENCE_S:
                raise ComputeError(
                    f"{what} at {host}:{port} has not answered for {_PATIENCE_S:g} s, and no "
                    "process can be connected to Ray again: start this program again once the "
                    "cluster is there"
                )
        await trio.sleep(_PERIOD_S)


async def _answers(host: str, port: int) -> bool:
    with trio.move_on_after(_ANSWER_S):
        try:
            stream = await trio.open_tcp_stream(host, port)
        except OSError:
            return False
        await stream.aclose()
        return True
    return False
