"""Wait for what clients send: until a deadline, or until the connection's reader is woken.

Belongs here: how a reader waits, on the kernel's sockets and on all other streams.
Never here: what is read, and what happens at a deadline (connection, http, websocket).
May be imported by: service, connection and server, in serving.
"""
