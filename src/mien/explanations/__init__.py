"""Explain predictions: which parts of a face drove the prediction, with checks of the explanation."""
