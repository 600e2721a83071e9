"""Verification: computing a finished run again, and comparing it with what is stored of it.

Belongs here: the job that does both, the search for the first difference, `verify`.
Never here: where exports come from, and how a verdict is shown.
May be imported by: `compute`, `glowback_trio` and `cli`.
"""

from glowback_trio.compute.verification.job import VerifyJob
from glowback_trio.compute.verification.verify import verdict_of, verify

__all__ = ["VerifyJob", "verdict_of", "verify"]
