"""From video files to records of features."""
