"""Optimizations: each one task at a time, which has trials evaluated and tells what came of them.

Belongs here: attempts and their work, chunks of trials, limits, restoring, the gateway's part.
Never here: which trials there are, arithmetic, what runs are made of.
May be imported by: `actors`.
"""
