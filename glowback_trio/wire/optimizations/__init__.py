"""JSON of optimizations: requests, trials, statuses, results, and tables of trials.

Belongs here: names and order of their document fields, and columns of a trial's table.
Never here: searching, HTTP, where anything is stored.
May be imported by: every room above `model` but `serving`.
"""
