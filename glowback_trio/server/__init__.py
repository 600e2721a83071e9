"""HTTP: routes, streams, keys and documents. Translation only."""
