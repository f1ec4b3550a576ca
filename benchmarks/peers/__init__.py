"""`make bench-peers`: our train step beside another project's, of the same model at the same size."""
