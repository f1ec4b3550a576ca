"""Tools for whole data sets: make, inspect, split, salvage."""
