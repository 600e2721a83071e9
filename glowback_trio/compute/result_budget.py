"""The bound on what the result of one run may take, held against it while it is computed."""

from __future__ import annotations

from collections.abc import Iterator

from glowback_trio.compute.steps import Failed, Progressed, Step

__all__ = ["MOST_RESULT_BYTES", "within_result_budget"]

#: The bound where none is set: a result of two million bars and two million fills fits.
MOST_RESULT_BYTES = 1 << 29


def within_result_budget(steps: Iterator[Step], max_result_bytes: int) -> Iterator[Step]:
    """Pass on steps for as long as the result keeps within a budget; beyond it, fail the run.

    How many bars a result has is bounded before the start; how many fills and orders is not.

    Args:
        steps: A job's steps.
        max_result_bytes: Bytes that the result's arrays may take.
    """
    for step in steps:
        if isinstance(step, Progressed) and step.result_bytes > max_result_bytes:
            yield Failed(
                f"The run's result takes more than the {max_result_bytes:,} bytes that one result "
                "may have (GLOWBACK_MAX_RESULT_BYTES); ask for fewer bars or symbols, or trade less"
            )
            return
        yield step
