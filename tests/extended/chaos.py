"""Rounds of three gateways over one PostgreSQL, with something that fails in each.

    python tests/extended/chaos.py [ROUNDS [SEED [FAULT ...]]]

Two hundred clients submit, follow, pause and cancel runs at any gateway, and go to another one by
chance or when theirs does not answer. In each round one thing fails: a gateway is killed and starts
again, or is stopped for longer than its lease lives; the database is restarted, or stands still;
connections to it are cut; gateways cannot reach each other; or all gateways are ended in order and
started again, one after the other. After the round every client must have the log that the database
has, with one end and the right digest; each batch must have been written by the gateway that held
the run; no request may have started two runs, and no run may have failed that a fault does not
explain. At the end some runs are computed again and compared.
Each of a hundred rounds takes half a minute. Prints a line for each.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import trio
from support.cluster.gateways import open_cluster
from support.cluster.rounds import FAULTS, TAKEOVER_S, Rounds
from support.cluster.wanderers import open_wanderers
from support.cluster.writers import check_writers, note_writers
from support.postgres import postgres_server

VERIFIED = 10


async def live(folder: Path, rounds: int, seed: int, faults: Sequence[str]) -> None:
    """Live through so many rounds, with faults in an order that depends on the seed."""
    rng = random.Random(seed)
    with postgres_server(durable=True) as server:
        async with (
            open_cluster(folder, server, "--log-level", "WARNING", gateways=3) as cluster,
            open_wanderers([each.url for each in cluster.gateways], rng) as wanderers,
        ):
            note_writers(cluster)
            life = Rounds(cluster, wanderers)
            for number in range(rounds):
                fault = faults[number % len(faults)]
                print(await life.live(fault), flush=True)
            runs = rng.sample(list(wanderers.started.values()), min(VERIFIED, rounds))
            for run_id in runs:
                verdict = await wanderers.clients[0].verify(run_id)
                assert verdict.same, (run_id, verdict)
            batches, taken_over = check_writers(cluster)
    print({"batches": batches, "runs of several writers in turn": taken_over})
    print({"takeover_s": [round(each, 1) for each in sorted(life.takeovers)]})
    assert max(life.takeovers, default=0.0) <= TAKEOVER_S


if __name__ == "__main__":
    asked = dict(enumerate(sys.argv))
    with tempfile.TemporaryDirectory() as place:
        how_often, of_seed = int(asked.get(1, "100")), int(asked.get(2, "1"))
        trio.run(live, Path(place), how_often, of_seed, sys.argv[3:] or list(FAULTS))
