"""Following changes: what becomes of all runs and optimizations of a server.

Belongs here: the stream of changes over as many connections as it takes.
Never here: the streams of single logs (`client.stream`).
May be imported by: `client`.
"""
