"""Trials of an optimization: backtests of which only the metrics are wanted.

Belongs here: plans of trials, their windows and splits, their evaluation on bars in memory.
Never here: choosing parameters, ranking trials, tasks, clocks, files.
May be imported by: `search`, `compute`, `actors`, `server`, `cli` and `testing`.
"""
