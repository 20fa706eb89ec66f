"""Where the faces are: a frame becomes faces."""
