"""Records that other machines read."""
