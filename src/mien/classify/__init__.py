"""What the faces express: crops become probabilities."""
