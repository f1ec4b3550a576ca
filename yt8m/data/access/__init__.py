"""The bytes of files: local or behind a network, compressed or not."""
