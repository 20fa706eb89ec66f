"""Below which confidence a reading should not be relied on, so that what is left is right often enough for every group."""
