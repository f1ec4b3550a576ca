"""Downloading the data set. No TensorFlow."""
