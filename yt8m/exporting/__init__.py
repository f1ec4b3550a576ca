"""Exports a run's model: SavedModel, Keras's own file, LiteRT, ONNX, or an archive that unpacks to a run directory."""
