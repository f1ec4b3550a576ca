"""The labels of videos by name, over time."""
