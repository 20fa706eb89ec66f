"""Model cards and dataset cards in the Hugging Face layout, from measured results (Mitchell et al. 2019)."""
