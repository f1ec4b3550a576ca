"""Reads records into batches of NumPy arrays. Nothing here imports TensorFlow."""
