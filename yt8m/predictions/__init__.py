"""Stored predictions, ensembles of them, and what a video-level run says of segments. Importing this loads no TensorFlow."""

from yt8m.predictions.parts import Description, Part, Predictions
from yt8m.predictions.stored import PredictionStore, StoredPredictions

__all__ = ["Description", "Part", "PredictionStore", "Predictions", "StoredPredictions"]
