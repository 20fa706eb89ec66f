"""Inspect a dataset before training: contents, quality and problems."""
