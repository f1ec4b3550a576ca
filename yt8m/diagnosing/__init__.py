"""Finds out before training why a run would learn nothing or be slow."""
