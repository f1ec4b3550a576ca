"""Finds record files and what they hold."""

from collections.abc import Sequence

from yt8m.data import remarks
from yt8m.data.features import DEFAULT_FEATURES, Feature, names_of, parse_features
from yt8m.data.schema import DEFAULT_MAX_LABELS, DEFAULT_NUM_CLASSES, Level
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths
from yt8m.data.survey import Survey, survey
from yt8m.errors import InputError, RecordError, quantity
from yt8m.progress import SILENT, Progress
from yt8m.values import PositiveInt, checked

_MOST_FORMS = 3


@checked
def open_source(
    paths: str | Sequence[str],
    *,
    level: Level | None = None,
    features: tuple[str | Feature, ...] = (),
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
    max_labels: PositiveInt = DEFAULT_MAX_LABELS,
    labels: str = "",
    labels_for: str = "",
    progress: Progress = SILENT,
) -> Source:
    """Finds record files and what they hold.

    Args:
        paths: files, directories or globs.
        level: the level that the caller needs; None takes the files' own. `frame` and `segment` read the same files:
            frame-level records can be cut into segments, and segment-level records can be read as whole videos.
        features: features that the caller needs, as texts (`yt8m.data.features`) or rows; empty takes all that the records
            looked at have (`yt8m.data.survey`). A feature that a record lacks is filled with zeros.
        num_classes: labels must be below it.
        max_labels: most labels that a video may have.
        labels: a CSV file with the labels of the videos (`yt8m.data.tables.video_labels`); empty = those in the records.
        labels_for: what labels are needed for, such as `a score`; empty = they are not needed.
        progress: gets a line on records without labels, if labels are needed.

    Raises:
        InputError, RecordError: nothing matches; a file cannot be read, is of the wrong level, has none of `features` or has
            them in another form, or lacks labels that are needed.
    """
    found = survey(expand_paths(paths), labels)
    source = source_of(found, level, features, num_classes, max_labels)
    if labels_for:
        remarks.require_labels(found, source.level, labels_for, progress)
    return source


def source_of(
    found: Survey,
    level: Level | None = None,
    features: Sequence[str | Feature] = (),
    num_classes: int = DEFAULT_NUM_CLASSES,
    max_labels: int = DEFAULT_MAX_LABELS,
) -> Source:
    """Makes a source from the files of a survey. Arguments: see `open_source`."""
    level = level or found.level
    if (level == "video") != (found.level == "video"):
        raise RecordError(found.files[0], 0, f"is a {found.level}-level record, {level}-level was expected")
    if not features and not found.features:
        _refuse_mixed_forms(found)
    wanted = parse_features(features, "features") or found.features or DEFAULT_FEATURES
    names = names_of(wanted)
    if found.features and not any(found.with_feature[name] for name in names):
        raise RecordError(found.files[0], 0, f"has {', '.join(names_of(found.features))} but not {', '.join(names)}")
    for feature in wanted if features else ():
        _refuse_other_form(found, feature)
    if found.labels:
        found.labels.refuse_beyond(num_classes, max_labels)
    return Source(found.files, level, wanted, num_classes, max_labels, labels=found.labels.path if found.labels else "")


def _refuse_mixed_forms(found: Survey) -> None:
    """Raises InputError if records hold something under the name of a feature, but most of them hold it in no form of ours."""
    for name, counts in found.forms.counts.items():
        forms = [(form, count) for form, count in counts.most_common() if form]
        if not forms:
            continue
        held = ", ".join(f"{form.text} in {quantity(count, 'record')}" for form, count in forms[:_MOST_FORMS])
        raise InputError(
            f"{found.files[0]}{' ...' if found.files[1:] else ''}: {name} has another form from record to record ({held}), and "
            f"no form is that of most; --data.features {forms[0][0].text} in training reads those that have it"
        )


def _refuse_other_form(found: Survey, feature: Feature) -> None:
    """Raises RecordError if all records hold a feature in another form than it is described to have."""
    form = found.form_of(feature.name)
    if form is None:
        return
    if found.level == "video":
        holds, wanted = quantity(form.size, "value"), quantity(feature.size, "value")
    else:
        holds, wanted = (f"{_size_in_words(each)} a frame" for each in (form, feature))
    if holds == wanted:
        return
    path, record = found.first_with[feature.name]
    key = feature.video_name if found.level == "video" else feature.name
    raise RecordError(
        path, record, f"{key} has {holds}, not {wanted}; --data.features {form.text} in training reads it"
    )


def _size_in_words(feature: Feature) -> str:
    if feature.storage == "float32":
        return quantity(feature.size, "float")
    return quantity(feature.frame_bytes, "byte")
