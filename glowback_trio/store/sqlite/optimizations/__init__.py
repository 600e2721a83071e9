"""Optimizations in a SQLite file: their rows, and the part of the store that keeps them.

Belongs here: statements and queries on optimizations, attempts, notes, results.
Never here: how events are batched, the writer, what runs need.
May be imported by: `store.sqlite`.
"""
