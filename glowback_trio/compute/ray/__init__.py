"""Compute on a Ray cluster: jobs become tasks there, whose steps come back as a stream.

Belongs here: connecting to the cluster, what runs on its nodes, what goes there and back.
Never here: what a job does, logs, status, HTTP.
May be imported by: `compute`.
"""
