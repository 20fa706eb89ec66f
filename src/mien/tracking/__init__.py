"""Follow people through video."""
