"""Cross-validation: the folds of one training, their predictions for the videos that they left out, and their ensemble."""
