"""The command that searches parameters, and what it shows.

Belongs here: `optimize`, its live table, its summary and the heat map.
Never here: the search itself.
May be imported by: `cli.app`, by name.
"""
