"""Who expressed what, when, and how surely: a video's table of readings, summed up over time."""
