"""What is done to whole data sets: made, inspected, split, mended."""
