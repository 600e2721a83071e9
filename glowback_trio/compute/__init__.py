"""Compute: where a simulation is carried out.

Belongs here: the compute protocol and its backends, jobs and the steps they yield.
Never here: what a run does with the steps, status, logs, HTTP.
May be imported by: `actors`, `server`, `cli` and `testing`.
"""

from glowback_trio.compute.answers import last_step
from glowback_trio.compute.compute import Compute, InlineCompute, ThreadCompute, carry_out
from glowback_trio.compute.faults import fault_step
from glowback_trio.compute.job import BacktestJob, Job
from glowback_trio.compute.kernel import warm
from glowback_trio.compute.leak_check import LeakCheckJob, leak_report_of
from glowback_trio.compute.process.cores import usable_cores
from glowback_trio.compute.process.pool import ProcessCompute
from glowback_trio.compute.ray.ray_compute import RayCompute
from glowback_trio.compute.steps import Answered, Done, Failed, Progressed, Step
from glowback_trio.compute.trials import LoadJob, TrialsJob
from glowback_trio.compute.turns import UNSHARED, Turn
from glowback_trio.compute.verification import VerifyJob, verdict_of, verify

__all__ = [
    "UNSHARED",
    "Answered",
    "BacktestJob",
    "Compute",
    "Done",
    "Failed",
    "InlineCompute",
    "Job",
    "LeakCheckJob",
    "LoadJob",
    "ProcessCompute",
    "Progressed",
    "RayCompute",
    "Step",
    "ThreadCompute",
    "TrialsJob",
    "Turn",
    "VerifyJob",
    "carry_out",
    "fault_step",
    "last_step",
    "leak_report_of",
    "usable_cores",
    "verdict_of",
    "verify",
    "warm",
]
