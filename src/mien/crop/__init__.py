"""Faces cut out and made ready: the only preprocessing there is."""
