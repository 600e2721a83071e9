"""Jobs of an optimization: load its bars once, and evaluate trials on them.

Belongs here: the two jobs, and how their work is cut into steps.
Never here: which trials there are, their order, arithmetic.
May be imported by: `actors` and `testing`.
"""

from glowback_trio.compute.trials.jobs import LoadJob, TrialsJob

__all__ = ["LoadJob", "TrialsJob"]
