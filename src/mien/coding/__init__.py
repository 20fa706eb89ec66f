"""Code videos for research: events, baselines, participants, and agreement with human coders."""
