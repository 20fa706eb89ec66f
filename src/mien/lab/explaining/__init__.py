"""Explanations of networks whose inside is open: checkpoints of training runs. Needs torch."""
