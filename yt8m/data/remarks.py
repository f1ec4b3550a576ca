"""What is told of records before the work, and what is refused: rules on what `yt8m.data.survey` saw.

Each rule is one for training, validation, evaluation, scores, splits and predictions.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from yt8m.data.reading import Source
from yt8m.data.schema import Feature, Level
from yt8m.data.survey import Survey
from yt8m.data.tables.vocabulary import count_classes, find_vocabulary
from yt8m.errors import InputError

Tell = Callable[[str], None]

TRAINING = "training"
"""What labels are needed for where a model learns from them; other words are free."""

FEW_FOR_A_GUESS = 50
"""Labelled records that must be seen of a data set that is not looked at whole, before their labels say how many classes it
has: of 50 real videos one in a thousand draws has no label of the upper half of the vocabulary."""


class Wanted(Protocol):
    """What a run wants of records: `yt8m.config.DataConfig`."""

    features: Sequence[Feature]
    num_classes: int
    max_frames: int


def remark(survey: Survey, source: Source, wanted: Wanted, labels_for: str, tell: Tell) -> None:
    """Refuses and tells all that is to be said of records for a run's model.

    Args:
        survey: of the records.
        source: as what they are read.
        wanted: by the run; no features = those that were found.
        labels_for: what labels are needed for; none = they are not.
        tell: gets the lines.

    Raises:
        InputError: as `require_labels`.
    """
    is_training = labels_for == TRAINING
    if survey.num_foreign:
        count = survey.num_foreign
        tell(
            f"{_name(survey)}: {count} of the records looked at {_are(count)} of another form than the other "
            f"{survey.num_records}, and {_are(count)} taken for empty ones (the first: {survey.first_foreign})"
        )
    if labels_for:
        require_labels(survey, source.level, labels_for, tell)
        tell_vocabulary(survey, wanted.num_classes, tell)
    if is_training:
        tell_unused_classes(survey, wanted.num_classes, tell)
    tell_features(survey, source.features, not wanted.features, tell)
    if source.level == "frame":
        tell_long_videos(survey, wanted.max_frames, is_training, tell)


def require_labels(survey: Survey, level: Level, what: str, tell: Tell) -> None:
    """Refuses files without labels, and tells of single records without.

    A record without the key `labels` was labelled by nobody, as those of a test split; one with an empty list has none of
    the classes. Rated segments are labelled by their ratings.

    Args:
        survey: of the records.
        level: as which they are read.
        what: they are for, `training` say.
        tell: gets a line.

    Raises:
        InputError: no record looked at of one of the files has labels.
    """
    if level == "segment":
        others = survey.num_records - survey.num_rated
        if others:
            tell(
                f"{_name(survey)}: {others} of {survey.looked_at} {_have(others)} no rated segments and {_are(others)} left out"
            )
        return
    unlabelled = survey.unlabelled_files
    if unlabelled:
        count = len(unlabelled) - 1
        others = f", nor have those of {count} other file{'' if count == 1 else 's'}," if count else ""
        raise InputError(
            f"{unlabelled[0]}: its records have no labels{others} and {what} needs them; those of a test split are for yt8m "
            "predict alone"
        )
    if survey.num_unlabelled:
        path, record = survey.first_unlabelled
        count = survey.num_unlabelled
        tell(
            f"{_name(survey)}: {count} of {survey.looked_at} {_have(count)} no labels (the first: {path}, record {record}) and "
            f"{'counts as a video' if count == 1 else 'count as videos'} that {_have(count)} none of the classes"
        )


def tell_features(survey: Survey, wanted: Sequence[Feature], are_found: bool, tell: Tell) -> None:
    """Tells which features some records lack, or all.

    Args:
        survey: of the records.
        wanted: the features that are read.
        are_found: whether they are those that these records were found to have, which a flag can change.
        tell: gets a line for each feature that is lacking.
    """
    for feature in wanted:
        count = survey.lacking(feature)
        if not count:
            continue
        if feature not in survey.features:
            tell(
                f"{_name(survey)}: none of {survey.looked_at} has {feature}; zeros stand in for what the model was made for"
            )
            continue
        others = " ".join(name for name in wanted if name != feature)
        tell(
            f"{_name(survey)}: found {', '.join(survey.features)}; {count} of {survey.looked_at} "
            f"{'lacks' if count == 1 else 'lack'} {feature}, and zeros stand in for it"
            + (f"; --data.features {others} does without it" if are_found and others else "")
        )


def tell_long_videos(survey: Survey, max_frames: int, is_training: bool, tell: Tell) -> None:
    """Tells how many videos are cut off.

    Args:
        survey: of the records, read as whole videos.
        max_frames: frames that are kept.
        is_training: whether the flag can still change it.
        tell: gets a line, if there are any.
    """
    count = survey.longer_than(max_frames)
    if not count:
        return
    longest = max(survey.lengths)
    keeps = "keeps them" if is_training else "in training keeps them"
    tell(
        f"{_name(survey)}: {count} of {survey.looked_at} {_have(count)} more than {max_frames} frames, up to {longest}, and "
        f"{_are(count)} cut off there; --data.max-frames {longest} {keeps}"
    )


def tell_cut(survey: Survey, count: int, max_frames: int, tell: Tell) -> None:
    """Tells, after all videos were read, how many were cut off; not where the look at the records had told that.

    Args:
        survey: of the records.
        count: of videos with more frames.
        max_frames: frames that are kept.
        tell: gets a line, if there are any.
    """
    if count and not survey.is_whole:
        tell(
            f"{_name(survey)}: {count} video{'' if count == 1 else 's'} of all {_have(count)} more than {max_frames} frames and "
            f"{'was' if count == 1 else 'were'} cut off there; --data.max-frames in training keeps more"
        )


def tell_unused_classes(survey: Survey, num_classes: int, tell: Tell) -> None:
    """Tells that the labels are of a much smaller vocabulary.

    Args:
        survey: of the training records.
        num_classes: of the model.
        tell: gets a line, if no label is in the upper three quarters of the classes.
    """
    labelled = survey.num_records - survey.num_unlabelled
    if survey.largest_label is None or not (survey.is_whole or labelled >= FEW_FOR_A_GUESS):
        return
    if 4 * (survey.largest_label + 1) <= num_classes:
        tell(
            f"{_name(survey)}: the labels of {survey.looked_at} go up to {survey.largest_label}, and the model has {num_classes} "
            f"classes; --data.num-classes {survey.largest_label + 1} is enough for them"
        )


def _name(survey: Survey) -> str:
    return f"{survey.files[0]}{' ...' if survey.files[1:] else ''}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def tell_vocabulary(survey: Survey, num_classes: int, tell: Tell) -> None:
    """Tells that the vocabulary at the root of the data set has another number of classes than the model."""
    path = find_vocabulary(survey.files[0])
    count = None
    with contextlib.suppress(InputError):  # whoever reads names from it says so
        count = count_classes(path) if path else None
    if count not in (None, num_classes):
        tell(f"{path}: names {count} classes, and the model has {num_classes}; are they of the same vocabulary?")
