"""Small tables beside the records: classes and their names, weights, indices."""
