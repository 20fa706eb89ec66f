"""Model cards and data cards in the Hugging Face layout, written from what was measured."""
