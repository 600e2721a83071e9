"""A Ray cluster of two nodes for all tests of the session, and this process's connection to it.

Ray itself keeps some files and threads after `shutdown`; tests look for processes, tasks, objects
and threads of ours instead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from support.ray_cluster import RayCluster, ray_cluster

from glowback_trio.extras import RAY


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = {one.name for one in set(threading.enumerate()) - before}
    assert not [name for name in left if not name.startswith(("Trio thread", "ray", "Thread-"))]


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as started:
        started.start_node()
        yield started


@pytest.fixture(scope="session")
def connected(cluster: RayCluster) -> Iterator[RayCluster]:
    """A connection that stays from gateway to gateway, so that the nodes' processes do."""
    ray = RAY.load("ray")
    ray.init(cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
