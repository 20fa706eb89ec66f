"""Readings made visible: marked pictures."""
