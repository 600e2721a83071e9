"""The last step of a job that what it stands on has failed: a backend, a store, the system."""

from __future__ import annotations

from glowback_trio.compute.steps import Failed
from glowback_trio.compute.tracebacks import traceback_text
from glowback_trio.errors import ResourceError

__all__ = ["fault_step"]


def fault_step(error: BaseException) -> Failed:
    """Return the step that says what a run was ended by; not the text, which may name anything."""
    out = ResourceError.of(error)
    unexpected = f"The run failed unexpectedly ({type(error).__name__})"
    return Failed(unexpected if out is None else str(out), traceback_text(error))
