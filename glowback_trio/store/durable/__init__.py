"""Durable: what the stores share that keep runs in a database.

Belongs here: logs with their ends in memory, batches of events, group commits, bookkeeping.
Never here: SQL, and what one database alone needs.
May be imported by: `store.sqlite` and `store.postgres`.
"""
