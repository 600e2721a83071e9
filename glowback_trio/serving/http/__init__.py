"""Speak HTTP/1.1: checks of a request, its exchange with the application, its response.

Belongs here: what one HTTP/1.1 connection reads, rejects and writes, and the limits on a request.
Never here: sockets and deadlines of writes (connection, progress_stream), WebSocket frames.
May be imported by: the modules of serving, but not by serving.websocket.
"""
