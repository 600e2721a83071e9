"""Model: strategies."""
