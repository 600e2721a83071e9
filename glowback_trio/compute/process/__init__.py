"""Compute in processes of their own: the pool, its workers, and what they say to each other.

Belongs here: starting, feeding and ending workers, the frames on their sockets, a worker's loop.
Never here: what a job does, logs, status, HTTP.
May be imported by: `compute`.
"""
