"""Data sets that say who is in their images: each layout as a table of paths, labels and groups. Nothing is downloaded."""
