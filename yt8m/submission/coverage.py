"""Remarks on classes that a segment submission lacks. Segment MAP is a mean over classes, so each one costs something."""

from collections.abc import Collection

import numpy as np

from yt8m.data.schema import DEFAULT_NUM_CLASSES, NUM_RANKED_CLASSES
from yt8m.metrics.per_class import PerClass

_SHOWN = 3
"""Classes to list in a line."""


def coverage_remark(
    ranked: Collection[int], wanted: Collection[int] | None, wanted_from: str, num_classes: int
) -> str | None:
    """A remark on missing or superfluous classes in a submission; None if there are none.

    Args:
        ranked: the classes with a row.
        wanted: the classes that should have one; None = unknown.
        wanted_from: the file that lists them.
        num_classes: classes of the vocabulary.
    """
    if wanted is not None:
        missing = sorted(set(wanted) - set(ranked))
        if not missing:
            return None
        return (
            f"{len(missing)} of the {len(wanted)} classes of {wanted_from} {'has' if len(missing) == 1 else 'have'} no row "
            f"({_shown(missing)}); a class without one counts 0 where it has a positive, so segment MAP is at most "
            f"{1 - len(missing) / len(wanted):.4f} if all of them have"
        )
    if num_classes != DEFAULT_NUM_CLASSES or len(ranked) == NUM_RANKED_CLASSES:
        return None
    says = "--segment-classes FILE says which they are"
    if len(ranked) > NUM_RANKED_CLASSES:
        return (
            f"{len(ranked)} classes are ranked, and the challenge ranks {NUM_RANKED_CLASSES}; the rows of the others add nothing "
            f"to segment MAP; {says}"
        )
    return (
        f"{_classes_are(len(ranked))} ranked, and the challenge ranks {NUM_RANKED_CLASSES}; a class without a row counts 0, so "
        f"segment MAP is at most {len(ranked) / NUM_RANKED_CLASSES:.4f}; {says}"
    )


def all_ranked_remark(where: str, num_classes: int) -> str:
    """A remark for a submission that ranks all classes, because no list says which.

    Args:
        where: the records whose data set has no list.
        num_classes: classes of the vocabulary.
    """
    challenge = f", and the challenge ranks {NUM_RANKED_CLASSES}" if num_classes > NUM_RANKED_CLASSES else ""
    return (
        f"{where}: no list of the classes that segments are ranked for is at the root of its data set, so all {num_classes} are "
        f"ranked{challenge}; rows of classes that nobody rated add nothing to segment MAP, and take time and room; name the list "
        "(segment_label_ids.csv) with --segment-classes"
    )


def unranked_remark(name: str, per_class: PerClass, ranked: Collection[int]) -> str:
    """A remark on the classes with a positive that are not ranked, and their cost; empty if all are ranked.

    Args:
        name: the submission or predictions.
        per_class: the counts of all rated classes.
        ranked: the ranked classes.
    """
    rated = per_class.class_ids[per_class.has_positives]
    missing = rated[~np.isin(rated, list(ranked))].tolist()
    if not missing:
        return ""
    return (
        f"{name}: ranks {len(rated) - len(missing)} of the {len(rated)} classes with a positive rating; a class without a "
        f"row ({_shown(missing)}) counts 0, so segment_map is at most {1 - len(missing) / len(rated):.4f}"
    )


def _shown(classes: list[int]) -> str:
    others = f" and {len(classes) - _SHOWN} more" if len(classes) > _SHOWN else ""
    return ", ".join(map(str, classes[:_SHOWN])) + others


def _classes_are(count: int) -> str:
    return "1 class is" if count == 1 else f"{count} classes are"
