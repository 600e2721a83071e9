"""Describe the API as an OpenAPI document.

Belongs here: typed dicts of documents, JSON Schema from annotations, the document itself.
Never here: the code that writes those documents (`wire`, `actors`).
May be imported by: `routes`.
"""
