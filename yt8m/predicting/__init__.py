"""Stored predictions, ensembles, and priors for segments from whole videos. Importing this loads no TensorFlow."""

from yt8m.predicting.parts import Description, Part, Predictions
from yt8m.predicting.stored import PredictionStore, StoredPredictions

__all__ = ["Description", "Part", "PredictionStore", "Predictions", "StoredPredictions"]
