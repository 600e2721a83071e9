"""Arithmetic: request and bars in, events and a result out. Synchronous, numpy only."""
