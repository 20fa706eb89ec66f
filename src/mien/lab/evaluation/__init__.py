"""Evaluation: open any trained model, predict, score, report."""
