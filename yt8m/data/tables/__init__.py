"""Small tables beside the records: classes with their names, weights, indices."""
