"""Read and write price files: CSV, Parquet, adjustment factors, and the names in a directory.

Belongs here: formats, cells, timestamps, file names; errors that name file, line and column.
Never here: rules about what bars must be (`data.rows`), requests, caching.
May be imported by: `data.cache`, `data.tools` and the modules directly in `data`.
"""
