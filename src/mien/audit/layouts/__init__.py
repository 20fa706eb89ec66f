"""Data sets that say who is in their pictures: each layout as a table of paths, labels and groups. Nothing is downloaded."""
