"""Who is who over time: readings of a film get a number for each person, and are smoothed."""
