"""Results out: tables, and marked pictures, whole or not at all."""
