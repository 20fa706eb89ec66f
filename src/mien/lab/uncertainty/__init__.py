"""Does a model mean what it says? Calibration, annotators who disagree, and when to say nothing."""
