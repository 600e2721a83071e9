"""Muscle: where a simulation is carried out."""

from glowback_trio.compute.compute import Compute, InlineCompute, ThreadCompute
from glowback_trio.compute.job import Done, Failed, Job, Progressed, Step, work

__all__ = [
    "Compute",
    "Done",
    "Failed",
    "InlineCompute",
    "Job",
    "Progressed",
    "Step",
    "ThreadCompute",
    "work",
]
