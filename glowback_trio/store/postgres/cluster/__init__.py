"""The cluster: what the gateways that share a database tell each other through it.

Belongs here: leases and their fences, who holds what, the queue, hints of changes.
Never here: writing events (`store.postgres`); when a gateway takes what (`actors.cluster`).
May be imported by: `store.postgres`.
"""
