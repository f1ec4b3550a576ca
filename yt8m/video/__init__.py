"""Reads video files by PyAV, draws pictures of them, and makes videos for samples and tests."""
