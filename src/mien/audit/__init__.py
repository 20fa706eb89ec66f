"""For whom and under which conditions readings are right."""
