"""A model over records: one pass, and everything that watches it."""
