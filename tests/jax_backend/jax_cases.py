"""What is compared between the backends of Keras; imported under both, so nothing here may need one of them."""

from dataclasses import replace

from small_models import BOTH, VARIANTS

from yt8m.models import hyperparameters_of

WEIGHT = "weight:"
"""Before a weight's path, in the files the two sides exchange."""


def _without_dropout(variant):
    """Backends draw different random numbers from one seed."""
    none = {each: 0.0 for each in hyperparameters_of(variant.name) if each.endswith("dropout")}
    if not none:
        return variant
    return replace(variant, hyperparameters=variant.hyperparameters | none)


CASES = [_without_dropout(variant) for variant in VARIANTS if variant.features == BOTH]
