"""Muscle: where a simulation is carried out."""

from glowback_trio.compute.compute import Compute, InlineCompute, ThreadCompute
from glowback_trio.compute.job import Done, Failed, Step, Told, work

__all__ = ["Compute", "Done", "Failed", "InlineCompute", "Step", "ThreadCompute", "Told", "work"]
