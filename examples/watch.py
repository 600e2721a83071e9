"""Watch a run across lost connections: python watch.py http://HOST:PORT RUN_ID.

Lost connections and errors are reported on stderr.
"""

from __future__ import annotations

import sys

import trio

from glowback_trio.client import Retry, open_client
from glowback_trio.errors import GlowbackError


async def watch(server: str, run_id: str) -> None:
    """Print every event of a run once and in order, over as many connections as it takes."""
    async with (
        open_client(server) as client,
        client.stream(run_id, on_retry=print_retry) as events,
    ):
        async for event in events:
            print(event.event_id, event.type, event.payload)


def print_retry(retry: Retry) -> None:
    """Report a lost connection, which is about to be made again."""
    print(retry, file=sys.stderr)


def main() -> None:
    """Watch the run that the command line names."""
    if len(sys.argv) != 3:
        sys.exit(__doc__.partition("\n")[0])
    try:
        trio.run(watch, sys.argv[1], sys.argv[2])
    except GlowbackError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
