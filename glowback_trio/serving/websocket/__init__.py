"""Speak WebSocket over wsproto: handshake, frames, pings, compression, handoff to the hub.

Belongs here: what happens on one WebSocket from its handshake to its end.
Never here: HTTP, which is reached through serving.ports only; writing to many at once (the hub).
May be imported by: the modules of serving and of serving.http.
"""
