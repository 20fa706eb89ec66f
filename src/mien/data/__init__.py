"""Data sets: load every layout into one Dataset, split it, find near duplicates."""
