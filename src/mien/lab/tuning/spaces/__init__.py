"""The search spaces that come with mien."""
