"""Changes over plain HTTP: what becomes of runs and optimizations.

Belongs here: their handler and their part of the table of routes.
Never here: noting changes (`actors.changes`), the WebSocket (`streaming`).
May be imported by: `routes.table`.
"""
