"""Work on whole data sets, divided among the workers of a cluster."""
