"""Prices of a server as a client reads them: bars for charts, and the quality of datasets.

Belongs here: requests for bars and quality, their blocking face, and uploads.
Never here: reading price files.
May be imported by: `client`.
"""
