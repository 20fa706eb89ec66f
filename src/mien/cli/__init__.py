"""The command line: thin, and heavy imports only inside command bodies."""
