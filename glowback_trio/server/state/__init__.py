"""Hold what the handlers of one app share.

Belongs here: app state, open streams and their feeds, idempotency keys.
Never here: the state of a run (`actors`).
May be imported by: `pipeline`, `streaming`, `routes`, `app`, `serve`.
"""
