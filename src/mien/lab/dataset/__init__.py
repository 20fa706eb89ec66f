"""Data sets in, in the forms in which people have them."""
