"""Optimizations in a database of PostgreSQL: their rows, and the ledger of trials.

Belongs here: statements and queries on optimizations and the ledger.
Never here: what an optimization is, and which of them are in memory (`store.durable`).
May be imported by: `store.postgres`.
"""
