"""Keep parsed price files, so that the next load of an unchanged file copies them instead.

Belongs here: the cache's file format, and when a cached file is still valid.
Never here: parsing; anything that would make a load with a cache differ from one without.
May be imported by: the modules directly in `data`.
"""
