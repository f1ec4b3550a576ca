"""Describes records of other programs: what they hold, and what to do with them."""

from yt8m.data.features import KNOWN
from yt8m.data.protos import SequenceExample
from yt8m.data.schema import ID_KEYS

NEITHER = f"holds neither {' or '.join(KNOWN)} frames nor {' or '.join(each.video_name for each in KNOWN.values())}"

OUR_CONTEXT = {*ID_KEYS, "labels", *(f"segment_{each}" for each in ("start_times", "end_times", "labels", "scores"))}
"""The keys of this data set in the context of a record, without means."""
_MOST_KEYS = 4
_AS_OURS = " and ".join(KNOWN)
_FORM = "lists of bytes, one value a second, in a tf.train.SequenceExample (docs/data-format.md)"


def held_keys(example: SequenceExample) -> tuple[str, ...]:
    """A record's keys without id, labels and ratings: sorted feature lists first, then sorted context keys."""
    lists, context = example.feature_lists.feature_list, example.context.feature
    return (*sorted(lists), *sorted(key for key in context if key not in OUR_CONTEXT))


def explain(example: SequenceExample) -> str:
    """Says in a clause why a record without usable features is unusable, which keys it has, and what to do.

    Args:
        example: a record that no layout (`yt8m.data.layouts`) makes one of this data set.
    """
    keys = held_keys(example)
    if not keys:
        return f"{NEITHER}, nor any other features"
    shown = ", ".join(keys[:_MOST_KEYS]) + (f" and {len(keys) - _MOST_KEYS} more" if keys[_MOST_KEYS:] else "")
    context = example.context.feature
    if any(name in context for name in KNOWN) and not any(each.video_name in context for each in KNOWN.values()):
        return (
            f"{NEITHER} as lists of frames, but {shown} as values; of a tf.train.Example, only bytes are read, one value a "
            f"frame; write them so, or as {_FORM}"
        )
    return f"{NEITHER}, but {shown}; write them as {_AS_OURS}, {_FORM}; yt8m inspect tells what each key holds"
