"""Why a worker process ended, as a sentence for the owner of the run that it had."""

from __future__ import annotations

import signal

from glowback_trio.compute.process.limits import WorkerLimits

__all__ = ["WorkerError", "why_ended"]


class WorkerError(Exception):
    """Raised when a worker process has ended, or could not be started."""


def why_ended(status: int, limits: WorkerLimits) -> str:
    """Say why a worker ended in the middle of a job.

    Args:
        status: Its exit status; minus a signal's number where a signal ended it.
        limits: What it was allowed to use.
    """
    if status >= 0:
        return f"The strategy ended its worker process with the exit status {status}"
    if -status == signal.SIGXCPU:
        return (
            f"The run used more than the {limits.cpu_s:g} s of processor time that it may have "
            "(GLOWBACK_MAX_RUN_SECONDS)"
        )
    if -status == signal.SIGKILL:
        return "The worker process was killed, as systems do that run out of memory"
    if -status == signal.SIGBUS:
        return (
            "The worker process crashed (SIGBUS), as a process does if a file that it has mapped "
            "into memory becomes shorter; prices are never mapped, so it is one of the strategy's"
        )
    return f"The worker process crashed ({_name(-status)})"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"
