"""Stream a run's events over WebSocket.

Belongs here: handshake, WebSocket, the stream itself.
Never here: server-sent events, a plain response (`routes.events`).
May be imported by: `routes` and `app`.
"""
