"""The commands about the runs of a server: submit, stream, watch, list, show, change them.

Belongs here: one module per command, or per few alike; each opens a client of the server.
Never here: runs of the command's own process (`commands.run`).
May be imported by: `cli.app`, by import path.
"""
