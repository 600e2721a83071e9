"""A cluster whose head dies, and the gateway that computes on it.

Doctrine: nothing waits for ever. Ray cannot connect a process again, so the gateway ends and says
so; who started it starts it again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.ray_cluster import ray_cluster

PROGRAM = """
import sys, trio
sys.path.insert(0, sys.argv[1])
from support.any_moment import REQUEST
from glowback_trio import RayCompute, open_gateway
from glowback_trio.errors import ComputeError

async def main():
    async with open_gateway(compute=RayCompute(sys.argv[2])) as gateway:
        assert (await gateway.submit(REQUEST).wait_finished()).state == "completed"
        print("ready", flush=True)
        await trio.sleep_forever()

try:
    trio.run(main)
except ComputeError as error:
    print(error, flush=True)
"""


@pytest.mark.timeout(200)
def test_a_gateway_ends_and_says_so_when_its_head_has_died() -> None:
    with ray_cluster() as cluster:
        program = [sys.executable, "-c", PROGRAM, str(Path(__file__).parents[2]), cluster.address]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as gateway:
            assert gateway.stdout is not None
            assert gateway.stdout.readline() == "ready\n"
            for pid in cluster.processes():
                if b"gcs_server" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
            said, _ = gateway.communicate(timeout=90)
            program[-1] = "auto"  # stands for the cluster that is gone
            environment = {**os.environ, "RAY_ADDRESS": cluster.address}
            again = subprocess.run(
                program, capture_output=True, text=True, env=environment, timeout=60, check=True
            )
    assert said.startswith("The head of the Ray cluster at ")
    assert "start this program again" in said
    assert again.stdout.startswith("No Ray head answers at ")
    assert f":{cluster.address.rpartition(':')[2]} (" in again.stdout
