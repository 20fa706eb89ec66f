"""Random changes to training pictures. Needs torch."""
