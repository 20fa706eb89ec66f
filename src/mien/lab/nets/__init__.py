"""Networks to train. Needs torch."""
