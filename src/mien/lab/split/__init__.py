"""Which pictures are learned from, chosen by and judged by."""
