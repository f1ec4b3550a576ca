"""Finds videos and moments that are like others, or that words describe."""
