"""What a data set holds, and what is wrong with it, before anything is learned from it."""
