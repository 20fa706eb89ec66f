"""Weights, and the cards that say what they are and how to feed them."""
