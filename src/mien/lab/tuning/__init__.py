"""Hyperparameter search over the fields of a recipe, on Optuna."""
