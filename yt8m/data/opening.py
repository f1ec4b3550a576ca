"""Finds record files and what they hold."""

from collections.abc import Sequence

from yt8m.data import remarks
from yt8m.data.schema import DEFAULT_MAX_LABELS, DEFAULT_NUM_CLASSES, FEATURE_SIZES, Feature, Level
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths
from yt8m.data.survey import Survey, survey
from yt8m.errors import RecordError
from yt8m.progress import SILENT, Progress
from yt8m.values import PositiveInt, checked


@checked
def open_source(
    paths: str | Sequence[str],
    *,
    level: Level | None = None,
    features: tuple[Feature, ...] = (),
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
    max_labels: PositiveInt = DEFAULT_MAX_LABELS,
    labels_for: str = "",
    progress: Progress = SILENT,
) -> Source:
    """Finds record files and what they hold.

    Args:
        paths: files, directories or globs.
        level: the level that the caller needs; None takes the files' own. `frame` and `segment` read the same files:
            frame-level records can be cut into segments, and segment-level records can be read as whole videos.
        features: features that the caller needs; empty takes all that the records looked at have (`yt8m.data.survey`). A
            feature that a record lacks is filled with zeros.
        num_classes: labels must be below it.
        max_labels: most labels that a video may have.
        labels_for: what labels are needed for, such as `a score`; empty = they are not needed.
        progress: gets a line on records without labels, if labels are needed.

    Raises:
        InputError, RecordError: nothing matches; a file cannot be read, is of the wrong level, has none of `features`, or
            lacks labels that are needed.
    """
    found = survey(expand_paths(paths))
    source = source_of(found, level, features, num_classes, max_labels)
    if labels_for:
        remarks.require_labels(found, source.level, labels_for, progress)
    return source


def source_of(
    found: Survey,
    level: Level | None = None,
    features: Sequence[Feature] = (),
    num_classes: int = DEFAULT_NUM_CLASSES,
    max_labels: int = DEFAULT_MAX_LABELS,
) -> Source:
    """Makes a source from the files of a survey. Arguments: see `open_source`."""
    level = level or found.level
    if (level == "video") != (found.level == "video"):
        raise RecordError(found.files[0], 0, f"is a {found.level}-level record, {level}-level was expected")
    features = tuple(features) or found.features or tuple(FEATURE_SIZES)
    if found.features and not set(features) & set(found.features):
        raise RecordError(found.files[0], 0, f"has {', '.join(found.features)} but not {', '.join(features)}")
    return Source(found.files, level, features, num_classes, max_labels)
