"""Runs a model over records in one pass, and holds everything that watches this pass."""
