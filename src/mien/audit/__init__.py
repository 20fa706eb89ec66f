"""For whom and under which conditions readings are right, and how anyone can see that."""
