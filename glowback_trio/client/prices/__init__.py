"""Prices of a server as a client reads them: bars for charts, and the quality of datasets.

Belongs here: requests for bars and quality, and their blocking face.
Never here: reading price files.
May be imported by: `client`.
"""
