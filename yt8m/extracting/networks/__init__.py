"""The networks that turn frames and sound into features."""
