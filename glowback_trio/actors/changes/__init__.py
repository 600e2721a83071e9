"""Changes: what has become of the runs and optimizations of a gateway since a reader looked.

Belongs here: noting changes, keeping the newest of each, and readers that follow them.
Never here: the logs of single runs (`actors.broadcaster`), HTTP.
May be imported by: `actors`.
"""
