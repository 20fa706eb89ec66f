"""The network architectures."""
