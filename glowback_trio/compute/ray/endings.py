"""Why a task of the cluster has ended without a last step, as a sentence for the run's owner."""

from __future__ import annotations

from typing import Any

from glowback_trio.compute.process.limits import WorkerLimits

__all__ = ["why_lost"]

#: Names of Ray's errors, and what they mean.
_ENDINGS = {
    "NodeDiedError": "The Ray node that computed the run has died",
    "OutOfMemoryError": (
        "Ray ended the run because its node had run out of memory; ask for fewer bars or symbols"
    ),
    "OutOfDiskError": "The Ray node that computed the run has no room left on its disk",
    "ObjectStoreFullError": (
        "Ray's object store has no room for the run; start the nodes with a larger "
        "--object-store-memory, or ask for fewer bars or symbols"
    ),
    "TaskCancelledError": "Somebody has cancelled the run's task in the Ray cluster",
    "LocalRayletDiedError": "The Ray node on the gateway's machine has died; start it again",
    "ModuleNotFoundError": "A Ray node cannot import glowback-trio; install it on every one",
}
_LOST = "What the run has computed was lost with its Ray node"
_KILLED = (
    "The process that computed the run on a Ray node has ended: the strategy ended it, it crashed, "
    "{limit}or it was killed, as systems do that run out of memory"
)


def why_lost(error: BaseException, limits: WorkerLimits) -> str:
    """Say why a task has ended.

    Args:
        error: What Ray has raised.
        limits: What the job was allowed to use.
    """
    for name in _names(error):
        if name in _ENDINGS:
            return _ENDINGS[name]
        if name.startswith(("Object", "Owner", "Reference")):
            return _LOST
        if name == "WorkerCrashedError":
            return _KILLED.format(limit=_limit(limits))
    return f"Ray could not compute the run ({type(error).__name__}); the server's log says more"


def _limit(limits: WorkerLimits) -> str:
    if limits.cpu_s is None:
        return ""
    return (
        f"the run used more than the {limits.cpu_s:g} s of processor time that it may have "
        "(GLOWBACK_MAX_RUN_SECONDS), "
    )


def _names(error: Any) -> list[str]:
    """Return the names of an error's classes, then those of what was its cause on the node."""
    names = [each.__name__ for each in type(error).__mro__]
    cause = getattr(error, "cause", None)
    return names if cause is None else [*(each.__name__ for each in type(cause).__mro__), *names]
