"""Summarize the readings of a video: which person expressed which emotion when."""
