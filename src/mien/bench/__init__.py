"""How fast mien is on this machine, beside what a user would pick instead."""
