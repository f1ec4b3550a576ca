"""Fetching the data set from its servers; no TensorFlow."""
