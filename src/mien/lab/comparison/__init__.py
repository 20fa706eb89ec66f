"""Compare trained models on the same images and the same task."""
