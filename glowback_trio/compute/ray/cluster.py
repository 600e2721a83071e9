"""The connection to a Ray cluster. A process of Python has one at most, by Ray's own rule."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from attrs import define

from glowback_trio.compute.process.cores import usable_cores
from glowback_trio.compute.ray.node import carry_out, node_version
from glowback_trio.errors import ComputeError
from glowback_trio.extras import RAY
from glowback_trio.model.strategies.foreign import text_of

__all__ = ["LOCAL", "Cluster", "check_head", "connect", "importable", "why_refused"]

#: The address of a cluster that is started here and ends with the connection.
LOCAL = "local"
_WORDS = ("auto", LOCAL)
_HIGHEST_PORT, _LONGEST_PORT = 65_535, 5
_FORMS = (
    "give HOST:PORT of its head, such as 192.0.2.10:6379, or `auto` for the cluster that this "
    "machine is a node of, or `local` to start one here"
)
# Streams with back-pressure are not yet public in Ray, and may change with any minor version.
_MINOR = "2.60"
_NEEDED = f"Computing on Ray needs ray {_MINOR}, and {{}} installed: pip install 'ray=={_MINOR}.*'"
_CLIENT = (
    "Ray's client protocol (ray://) cannot stream what a run emits. Make this machine a node of "
    "the cluster, with `ray start --address=HOST:6379 --num-cpus=0`, and give the address `auto`"
)
# Items that wait in the gateway for their turn to be read; with as many in the node's process,
# because a job that is to stop hears of it within some of them.
_ITEMS_AHEAD = 16
# Ray ends the whole process when the head has been away for so long; by default after 60 s.
_HEAD_AWAY_S = 10 * 365 * 86_400
# Processes that a node keeps though they have nothing to do. By default it keeps as many as it has
# free CPUs, so that it ends and starts them all the time where runs take turns.
_KEPT_PROCESSES = 16
# Seconds that a head has for taking a connection.
_CONNECT_S = 5.0


@define(eq=False)
class Cluster:
    """A connection. Made by `connect`, in a thread, like all calls that take time.

    Attributes:
        ray: Ray's module.
        task: Starts the task of a job: gate, number of the attempt and order.
        gate: The actor that stops jobs and lets them go on.
        cpus: How many CPUs the cluster had when it was connected.
        places: Host and port of what the connection stands on, by what is there.
    """

    ray: Any
    task: Callable[..., Any]
    gate: Any
    cpus: int
    places: Mapping[str, tuple[str, int]]
    _connected_here: bool

    def close(self) -> None:
        """End what this connection has in the cluster; end the cluster if it was started here."""
        self.ray.kill(self.gate)
        if self._connected_here:
            self.ray.shutdown()


def connect(address: str, workers: int | None) -> Cluster:
    """Connect to a cluster, or start one.

    Args:
        address: `auto`: the cluster that this machine is a node of; HOST:PORT: its head; `local`:
            start one here.
        workers: How many CPUs a cluster that is started here has; None: all that may be used.

    Raises:
        ComputeError: It cannot be used; the message says what to do.
    """
    ray = _load(address)
    connected_here = not ray.is_initialized()
    if connected_here:
        found = _found(address)
        if why := why_refused(found):
            raise ComputeError(why)
        check_head(found)
        _init(ray, address, workers)
    try:
        return _opened(ray, connected_here=connected_here)
    except BaseException:
        if connected_here:
            ray.shutdown()
        raise


def _load(address: str) -> Any:
    """Return Ray's module, if it can be used for this address."""
    if why := why_refused(address):
        raise ComputeError(why)
    if not RAY.is_installed:
        raise ComputeError(_NEEDED.format("it is not"))
    if not (found := version("ray")).startswith(f"{_MINOR}."):
        raise ComputeError(_NEEDED.format(f"{found} is"))
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(_HEAD_AWAY_S))
    # For a cluster that is started here; others are told by whoever starts them.
    os.environ.setdefault("RAY_num_workers_soft_limit", str(_KEPT_PROCESSES))
    return RAY.load("ray")


def why_refused(address: str) -> str | None:
    """Say why an address cannot be used; None if that is not known before connecting."""
    if address.startswith("ray://"):
        return _CLIENT
    host, _, port = address.rpartition(":")
    digits = port.isascii() and port.isdecimal() and len(port) <= _LONGEST_PORT
    if address in _WORDS or (host and digits and 0 < int(port) <= _HIGHEST_PORT):
        return None
    return f"{address!r:.100} is no address of a Ray cluster: {_FORMS}"


def _found(address: str) -> str:
    """Return the address of the cluster that `auto` stands for; any other as it is."""
    if address != "auto":
        return address
    try:
        # No public function says where it is, and `ray.init` waits for a dead one for ever.
        services = RAY.load("ray._private.services")
        found: str | None = services.canonicalize_bootstrap_address(address)
    except (ConnectionError, ValueError):
        return address  # there is none, and Ray says so at once
    return found or address


def check_head(address: str) -> None:
    """Check that something answers where the head should be, since Ray looks for it for minutes.

    Raises:
        ComputeError: Nothing does; the message says what to do.
    """
    if address in _WORDS:
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except OSError as error:
        raise ComputeError(
            f"No Ray head answers at {address} ({error.strerror or error}): start it with "
            "`ray start --head --port=6379`, and name the port that it prints"
        ) from error


def _init(ray: Any, address: str, workers: int | None) -> None:
    options = {"num_cpus": workers or usable_cores(), "include_dashboard": False}
    try:
        ray.init(
            address,
            **(options if address == LOCAL else {}),
            # What a strategy prints is in the logs of its node.
            log_to_driver=False,
            configure_logging=False,
        )
    except BaseException as error:
        raise ComputeError(_why_not(error, address)) from error


def _why_not(error: BaseException, address: str) -> str:
    """Say why there is no connection."""
    causes = list(_causes(error))
    text = " ".join(str(error).split())
    if any(type(cause).__name__ == "AuthenticationError" for cause in causes):
        return (
            f"The Ray cluster at {address} wants a token: set RAY_AUTH_MODE=token, and copy "
            "~/.ray/auth_token from the head, or name a copy by RAY_AUTH_TOKEN_PATH"
        )
    if "Version mismatch" in text:
        return (
            f"The Ray cluster at {address} has another version of Ray or Python: {text}; install "
            "the same Ray and the same Python on every node and for the gateway"
        )
    return (
        f"No Ray cluster can be reached at {address}: {text}. This machine must be a node of it: "
        "run `ray start --address=HOST:6379 --num-cpus=0` here first, or use the address `local` "
        "to start one on this machine"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _opened(ray: Any, *, connected_here: bool) -> Cluster:
    cpus = int(ray.cluster_resources().get("CPU", 0))
    if not cpus:
        raise ComputeError(
            "The Ray cluster has no node with CPUs: start one with `ray start --address=HOST:6379` "
            "on a machine that is to compute"
        )
    node_id = ray.get_runtime_context().get_node_id()
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node_id, soft=False)
    try:
        gate = _gate(ray, here)
    except ray.exceptions.RayError as error:
        raise ComputeError(
            "The Ray node of this machine cannot work for the gateway: "
            f"{text_of(getattr(error, 'cause', None) or error)}; start it by the `ray` of the "
            "environment that glowback-trio is installed in"
        ) from error
    task = ray.remote(carry_out).options(
        num_cpus=1,
        num_returns="streaming",
        max_retries=0,
        _generator_backpressure_num_objects=_ITEMS_AHEAD,
    )
    return Cluster(ray, task.remote, gate, cpus, _places(ray, node_id), connected_here)


def _places(ray: Any, node_id: str) -> Mapping[str, tuple[str, int]]:
    """Return host and port of what a connection stands on, by what is there."""
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    [own] = [node for node in ray.nodes() if node["NodeID"] == node_id]
    return {
        "The head of the Ray cluster": (host, int(port)),
        "The Ray node of this machine": (own["NodeManagerAddress"], own["NodeManagerPort"]),
    }


def _gate(ray: Any, here: Any) -> Any:
    """Return the actor that stops jobs, on this node, once it is there."""
    # A task says what is missing here; an actor that cannot begin is only not available.
    ray.get(ray.remote(node_version).options(num_cpus=0, scheduling_strategy=here).remote())
    # It imports asyncio, which a program that computes elsewhere need not have.
    gates = RAY.load("glowback_trio.compute.ray.gate")
    made = ray.remote(gates.Gate).options(
        num_cpus=0, max_restarts=-1, max_concurrency=100_000, scheduling_strategy=here
    )
    gate = made.remote()
    ray.get(gate.forget.remote(0))
    return gate


def importable() -> list[str]:
    """Return where this program imports modules from, as absolute paths."""
    return [os.path.abspath(path) for path in sys.path]  # noqa: PTH100 - it keeps links
