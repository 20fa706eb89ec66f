"""Trained models side by side: on the same pictures, asked the same question."""
