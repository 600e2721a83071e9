"""Statistics of finished runs: metrics, tear sheet, benchmark, attribution, overfitting.

Belongs here: one function per statistic, over arrays, with its formula and its source.
Never here: anything that changes a run, or that needs more than its result to be worked out.
May be imported by: `engine.reporting`, `engine` itself, and users (`overfit`, `tear_sheet`).
"""
