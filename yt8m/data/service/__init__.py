"""Reads records on other machines."""
