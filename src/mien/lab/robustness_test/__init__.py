"""The robustness test: accuracy under corruptions, through the whole reader and on the true crop."""
