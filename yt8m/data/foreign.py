"""Describes records of other programs: what they hold, and what to do with them."""

from yt8m.data.features import KNOWN
from yt8m.data.protos import SequenceExample, parse
from yt8m.data.schema import ID_KEYS

NEITHER = f"holds neither {' or '.join(KNOWN)} frames nor {' or '.join(each.video_name for each in KNOWN.values())}"

_OUR_CONTEXT = {*ID_KEYS, "labels", *(f"segment_{each}" for each in ("start_times", "end_times", "labels", "scores"))}
_MOST_KEYS = 4
_EXAMPLE = "this is a tf.train.Example with frames"
LARGEST_BARE = 64 << 20
"""Largest file, in bytes, that is tried as one bare proto. No video has more."""
_AS_OURS = " and ".join(KNOWN)
_FORM = "lists of bytes, one value a second, in a tf.train.SequenceExample (docs/data-format.md)"


def held_keys(example: SequenceExample) -> tuple[str, ...]:
    """A record's keys without id, labels and ratings: sorted feature lists first, then sorted context keys."""
    lists, context = example.feature_lists.feature_list, example.context.feature
    return (*sorted(lists), *sorted(key for key in context if key not in _OUR_CONTEXT))


def explain(example: SequenceExample) -> str:
    """Says in a clause why a record without this data set's features is unusable, which keys it has, and what to do."""
    keys = held_keys(example)
    if not keys:
        return f"{NEITHER}, nor any other features"
    shown = ", ".join(keys[:_MOST_KEYS]) + (f" and {len(keys) - _MOST_KEYS} more" if keys[_MOST_KEYS:] else "")
    advice = _advice(example, keys)
    if advice.startswith(_EXAMPLE):
        return f"{NEITHER} as lists of frames, but {shown} as values; {advice}"
    return f"{NEITHER}, but {shown}" + (f"; {advice}" if advice else f"; write them as {_AS_OURS}, {_FORM}")


def _advice(example: SequenceExample, keys: tuple[str, ...]) -> str:
    """Says what to do with records of known programs."""
    lists, context = example.feature_lists.feature_list, example.context.feature
    if "audio_embedding" in lists:
        return f"this is AudioSet's form, with classes of its own; write audio_embedding as audio, {_FORM}"
    if any(key.endswith("/feature/floats") for key in keys):
        return (
            "these are MediaPipe's floats, neither quantised nor with an id and labels; quantise them and write them as "
            f"{_AS_OURS}, {_FORM}"
        )
    if any(name in context for name in KNOWN) and not any(each.video_name in context for each in KNOWN.values()):
        return f"{_EXAMPLE}; write them as {_FORM}"
    return ""


def may_be_bare(beginning: bytes, size: int) -> bool:
    """Whether a file may be one bare proto: it is small enough and begins with the tag of one of the two fields."""
    return size <= LARGEST_BARE and beginning[:1] in (b"\x0a", b"\x12")


def explain_bare(content: bytes) -> str | None:
    """Describes, as a clause, a file that is one bare proto in place of TFRecords; None if it is no such file.

    Args:
        content: the whole content of the file.
    """
    example = parse(SequenceExample, content)
    if example is None:
        return None
    if not example.feature_lists.feature_list and not example.context.feature:
        return None
    what = explain(example) if not any(name in example.feature_lists.feature_list for name in KNOWN) else ""
    return "the file is one bare tf.train.SequenceExample, not TFRecords of them" + (f"; it {what}" if what else "")
