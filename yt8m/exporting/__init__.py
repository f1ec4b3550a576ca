"""A run's model for other programs: SavedModel, Keras's own file, LiteRT, and an archive that makes a run again."""
