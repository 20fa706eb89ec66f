"""Whose face may be seen, and whether any picture may be: for outputs of every kind."""
