"""One file per data set layout."""
