"""What can be asked without right answers: whether groups are given the same emotions equally often."""
