"""Decide who may send requests, and how many.

Belongs here: keys, tickets, rates, trusted proxies, hosts, origins.
Never here: the order of the checks (`pipeline`).
May be imported by: `settings`, `state`, `pipeline`, `streaming`, `routes`.
"""
