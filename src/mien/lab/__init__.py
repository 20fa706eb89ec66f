"""The laboratory: data, training, evaluation and export. Needs the extra ``lab``."""
