"""Trained models side by side: on the same images, asked the same question."""
