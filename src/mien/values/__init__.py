"""The values that pass between stages: frozen, and checked where they are born."""
