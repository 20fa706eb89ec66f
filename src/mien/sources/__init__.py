"""Pictures in: a path, bytes or an array becomes a frame."""
