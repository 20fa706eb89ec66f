"""Files that also run as scripts in another Python environment; so they import nothing of mien."""
