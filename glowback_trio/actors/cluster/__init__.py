"""Cluster: what a gateway does for, and knows of, the others on its store.

Belongs here: leases, taking over, following what others compute, and the port to peers.
Never here: sockets, SQL, what a gateway without peers needs.
May be imported by: `actors`, `peers` and `server`.
"""
