"""Report what the server does.

Belongs here: access log and metrics.
Never here: decisions about a request.
May be imported by: `state` and `serve`.
"""
