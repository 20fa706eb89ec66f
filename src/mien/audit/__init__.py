"""Trust: for whom the readings are right, and how anyone can see that."""
