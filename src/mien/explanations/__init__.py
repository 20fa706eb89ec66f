"""Why a face was read as it was: which parts of it moved the decision, and how far that answer can be trusted."""
