"""A round of real gateways over a real database, one of which is killed.

Rule: every client of every gateway has the log that the database has, with one end
and the right digest; only the holder of a run has written it; no request has started two runs.
`nox -s chaos` lives through a hundred larger ones, with other faults.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from support.cluster.gateways import open_cluster
from support.cluster.rounds import Rounds
from support.cluster.wanderers import open_wanderers, request_by
from support.cluster.writers import check_writers, note_writers
from support.postgres import postgres_server


@pytest.mark.timeout(180)
async def test_a_kill_takes_and_adds_no_event(tmp_path: Path) -> None:
    with postgres_server() as server:
        async with (
            open_cluster(tmp_path, server, "--log-level", "WARNING") as cluster,
            open_wanderers([each.url for each in cluster.gateways], random.Random(8)) as wanderers,
        ):
            note_writers(cluster)
            life = Rounds(cluster, wanderers, clients=20, runs=6, request=_request)
            await life.live("kill")
            assert check_writers(cluster)[0] > 0
            assert len(life.takeovers) == 1


def _request(rng: random.Random) -> dict[str, Any]:
    return {**request_by(rng), "end_date": "2017-06-30"}
