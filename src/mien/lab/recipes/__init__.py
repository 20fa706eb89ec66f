"""The training recipes that come with mien."""
