"""Who expressed what, when, and how surely: a film's table of readings, summed up over time."""
