"""Reports of a run: event drafts while it runs, messages, its result and its documents.

Belongs here: what turns a simulation into events and a result, and a result into a document.
Never here: rules of trading, statistics (`engine.analytics`), the form of JSON (`wire`).
May be imported by: `engine`; `result_document` by `server` and `cli` as well.
"""
