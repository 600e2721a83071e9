"""Read files that others may change, damage or fill with more than they seem to hold.

Belongs here: the limits of a file, its content under one version, errors that name it.
Never here: what the columns mean, symbols, directories.
May be imported by: `data`.
"""
