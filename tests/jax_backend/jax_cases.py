"""What is compared between the backends of Keras; imported under both, so nothing here may need one of them."""

from dataclasses import replace

from small_models import BOTH, VARIANTS, without_dropout

WEIGHT = "weight:"
"""Before a weight's path, in the files the two sides exchange."""


def _without_dropout(variant):
    """Backends draw different random numbers from one seed."""
    return replace(variant, hyperparameters=variant.hyperparameters | without_dropout(variant.name))


CASES = [_without_dropout(variant) for variant in VARIANTS if variant.features == BOTH]
