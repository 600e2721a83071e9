"""Optimizations as values: what to search, how to score and validate it, trials and their life.

Belongs here: requests, trials, statuses, results, and the table of an optimization's life.
Never here: drawing parameters, evaluating trials, tasks, files.
May be imported by: every room but `model` itself.
"""
