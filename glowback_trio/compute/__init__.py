"""Muscle: where a simulation is carried out."""
