"""Search the parameters of a backtest: choose trials, rank them, and say how far to trust the best.

Belongs here: samplers, the synchronous `Study` of one search, scores, diagnostics, manifests.
Never here: tasks, clocks, files, how trials are spread over workers.
May be imported by: `actors`, `server`, `cli` and `testing`.
"""
