"""For whom it works: predictions audited group by group."""
