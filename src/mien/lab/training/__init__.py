"""From a recipe and data to a checkpoint. Needs torch."""
