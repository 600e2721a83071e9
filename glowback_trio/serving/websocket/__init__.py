"""Serving: websocket."""
