"""Run the checks around every handler, in their order.

Belongs here: the guard, identification, key, rate, origin, body, common headers, the fast path.
Never here: what a single route does (`routes`).
May be imported by: `streaming`, `routes`, `app`, `serve`.
"""
