"""Rules on what `yt8m.data.survey` saw: what to tell about records before the work, and what to refuse.

Training, validation, evaluation, scores, splits and predictions share each rule.
"""

import contextlib
from collections.abc import Collection, Sequence
from typing import Protocol

from yt8m.data.access.contents import is_bare_file
from yt8m.data.features import DEFAULT_FEATURES, KNOWN, Feature, names_of, texts_of
from yt8m.data.layouts import NAMES, Layout
from yt8m.data.schema import Level
from yt8m.data.source import Source
from yt8m.data.sources import scheme
from yt8m.data.survey import Survey, survey
from yt8m.data.tables.vocabulary import count_classes, find_vocabulary
from yt8m.errors import InputError
from yt8m.progress import Progress

TRAINING = "training"
"""Value of `labels_for` if a model learns from the labels; any other word is allowed too."""

FEW_FOR_A_GUESS = 50
"""Labelled records to see before their labels tell the number of classes, if not all records are looked at.

Among 50 real videos, one draw in a thousand has no label in the upper half of the vocabulary."""


class Wanted(Protocol):
    """What a run needs of records; `yt8m.config.DataConfig` is one."""

    features: Sequence[str]
    num_classes: int
    max_frames: int


def remark(survey: Survey, source: Source, wanted: Wanted, labels_for: str, progress: Progress) -> None:
    """Applies all rules to the records for a run's model.

    Args:
        survey: survey of the records.
        source: the records as they will be read.
        wanted: the run's needs; no features = the features found.
        labels_for: what labels are needed for; empty = they are not needed.
        progress: gets the lines.

    Raises:
        InputError: see `require_labels` and `require_frames`.
    """
    is_training = labels_for == TRAINING
    if survey.num_foreign:
        count = survey.num_foreign
        progress.message(
            f"{_name(survey)}: {count} of the records looked at {_are(count)} of another form than the other "
            f"{survey.num_records}, and {_are(count)} taken for empty ones (the first: {survey.first_foreign})"
        )
    lines = []
    if labels_for:
        require_labels(survey, source.level, labels_for, progress)
        lines.append(vocabulary_remark(survey, wanted.num_classes))
    if is_training:
        lines.append(class_remark(survey, wanted.num_classes))
        require_frames(survey)
    lines += feature_remarks(survey, source.features, not wanted.features, is_training)
    if source.level == "frame":
        lines.append(length_remark(survey, wanted.max_frames, is_training))
    for line in filter(None, lines):
        progress.message(line)


def require_labels(survey: Survey, level: Level, what: str, progress: Progress) -> None:
    """Refuses files without labels, and tells about single records without labels.

    A record without the key `labels` was never labelled, as in a test split. A record with an empty list has none of the
    classes. Ratings are the labels of rated segments.

    Args:
        survey: survey of the records.
        level: the level at which they are read.
        what: what the labels are for, such as `training`.
        progress: gets a line.

    Raises:
        InputError: in one of the files, no record looked at has labels.
    """
    if level == "segment":
        others = survey.num_records - survey.num_rated
        if others:
            progress.message(
                f"{_name(survey)}: {others} of {survey.looked_at} {_have(others)} no rated segments and {_are(others)} left out"
            )
        return
    unlabelled = survey.unlabelled_files
    if unlabelled and survey.labels:
        raise InputError(
            f"{survey.labels.path}: names none of the records of {unlabelled[0]} by its id, and {what} needs their labels; "
            "yt8m show or yt8m.read_batches tells ids"
        )
    if unlabelled:
        count = len(unlabelled) - 1
        others = f", nor have those of {count} other file{'' if count == 1 else 's'}," if count else ""
        advice = "; --data.labels FILE.csv gives them" if survey.layouts["MediaPipe"] else ""
        raise InputError(
            f"{unlabelled[0]}: its records have no labels{others} and {what} needs them; those of a test split are for yt8m "
            f"predict alone{advice}"
        )
    if survey.num_unlabelled:
        path, record = survey.first_unlabelled
        count = survey.num_unlabelled
        progress.message(
            f"{_name(survey)}: {count} of {survey.looked_at} {_have(count)} no labels (the first: {path}, record {record}) and "
            f"{'counts as a video' if count == 1 else 'count as videos'} that {_have(count)} none of the classes"
        )


def require_frames(survey: Survey) -> None:
    """Refuses records without any feature, of which nothing can be learned.

    Raises:
        InputError: none of the records looked at has a feature.
    """
    if survey.num_records and survey.num_featureless == survey.num_records:
        raise InputError(
            f"{_name(survey)}: none of {survey.looked_at} has frames or their means, and training needs some; yt8m inspect tells "
            "what they hold"
        )


def require_own_layout(source: Source, reader: str, advice: str, others: Collection[Layout] = ()) -> None:
    """Refuses what a reader other than the engine (`yt8m.data.engine`) cannot read: other layouts, and labels from a file.

    Args:
        source: the records to be read.
        reader: the reader, such as `a data service`.
        advice: what to do, as a clause.
        others: layouts that this reader can read, too.

    Raises:
        InputError: some records looked at have another layout, a local file holds one record without framing, or the labels
            come from a file.
    """
    if source.labels:
        raise InputError(f"{source.labels}: {reader} does not read labels from a file; {advice}")
    layout = next((each for each in survey(source.files).layouts if each not in others), None)
    if layout:
        raise InputError(f"{source.files[0]} ...: holds {NAMES[layout]}, which {reader} does not read; {advice}")
    bare = next((path for path in source.files if not scheme(path) and is_bare_file(path)), None)
    if bare:
        raise InputError(
            f"{bare}: is one record without the framing of a TFRecord file, which {reader} does not read; {advice}"
        )


_STAND_IN = "zeros stand in for what the model was made for"


def feature_remarks(survey: Survey, wanted: Sequence[Feature], are_found: bool, is_training: bool = False) -> list[str]:
    """Says in a line which features were found, unless they are just the known ones; and for each that records lack it.

    Args:
        survey: survey of the records.
        wanted: the features to be read.
        are_found: whether these are the features found in these records. A flag can then change them.
        is_training: whether a model is made for these features.
    """
    lines, found = [], ", ".join(texts_of(survey.features))
    present = set(names_of(survey.features))
    if are_found and present and survey.features != DEFAULT_FEATURES:
        missing = [name for name in KNOWN if name not in present] if present & set(KNOWN) else []
        without = f", and no {' and no '.join(missing)}," if missing else ""
        lines.append(f"{_name(survey)}: found {found}{without} in {survey.looked_at}")
    for feature in wanted:
        count = survey.lacking(feature.name)
        if not count:
            continue
        if feature.name not in present:
            what = "the model learns from zeros; leave it out of --data.features" if is_training else _STAND_IN
            lines.append(f"{_name(survey)}: none of {survey.looked_at} has {feature.name}; {what}")
            continue
        others = " ".join(each.text for each in wanted if each != feature)
        lines.append(
            f"{_name(survey)}: found {found}; {count} of {survey.looked_at} "
            f"{'lacks' if count == 1 else 'lack'} {feature.name}, and zeros stand in for it"
            + (f"; --data.features {others} does without it" if are_found and others else "")
        )
    return lines


def length_remark(survey: Survey, max_frames: int, is_training: bool) -> str:
    """Says how many videos are cut off; empty if none is.

    Args:
        survey: survey of the records, read as whole videos.
        max_frames: frames kept of each video.
        is_training: whether a flag can still change this number.
    """
    count = survey.longer_than(max_frames)
    if not count:
        return ""
    longest = max(survey.lengths)
    keeps = "keeps them" if is_training else "in training keeps them"
    return (
        f"{_name(survey)}: {count} of {survey.looked_at} {_have(count)} more than {max_frames} frames, up to {longest}, and "
        f"{_are(count)} cut off there; --data.max-frames {longest} {keeps}"
    )


def cut_remark(survey: Survey, count: int, max_frames: int) -> str:
    """Says how many videos were cut off, after all were read; empty if the survey told it before.

    Args:
        survey: survey of the records.
        count: number of videos with more frames.
        max_frames: frames kept of each video.
    """
    if not count or survey.is_whole:
        return ""
    return (
        f"{_name(survey)}: {count} video{'' if count == 1 else 's'} of all {_have(count)} more than {max_frames} frames and "
        f"{'was' if count == 1 else 'were'} cut off there; --data.max-frames in training keeps more"
    )


def class_remark(survey: Survey, num_classes: int) -> str:
    """Says that the labels come from a much smaller vocabulary: none is in the upper three quarters of the classes.

    Args:
        survey: survey of the training records.
        num_classes: the model's classes.
    """
    labelled = survey.num_records - survey.num_unlabelled
    if survey.largest_label is None or not (survey.is_whole or labelled >= FEW_FOR_A_GUESS):
        return ""
    if 4 * (survey.largest_label + 1) > num_classes:
        return ""
    return (
        f"{_name(survey)}: the labels of {survey.looked_at} go up to {survey.largest_label}, and the model has {num_classes} "
        f"classes; --data.num-classes {survey.largest_label + 1} is enough for them"
    )


def vocabulary_remark(survey: Survey, num_classes: int) -> str:
    """Says that the vocabulary at the data set's root has another number of classes than the model."""
    path = find_vocabulary(survey.files[0])
    count = None
    with contextlib.suppress(InputError):  # whoever reads names from it reports this
        count = count_classes(path) if path else None
    if count in (None, num_classes):
        return ""
    return f"{path}: names {count} classes, and the model has {num_classes}; are they of the same vocabulary?"


def _name(survey: Survey) -> str:
    return f"{survey.files[0]}{' ...' if survey.files[1:] else ''}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
