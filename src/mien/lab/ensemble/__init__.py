"""Several trained models as one: soft voting and stacking."""
