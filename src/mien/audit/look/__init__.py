"""What the pages of all audits look like: one style, one scale."""
