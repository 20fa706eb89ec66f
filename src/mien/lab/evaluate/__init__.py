"""How good a model is, measured: figures, tables and images."""
