"""Recognises files that hold one record and nothing else: no TFRecords, as MediaPipe's `features.pb`.

Such a file is read as a TFRecord file of one record.
"""

from yt8m.data.access.framing import framed, is_header
from yt8m.data.protos import SequenceExample, parse

LARGEST = 64 << 20
"""Largest file, in bytes, that is tried as one record. No video has more."""
_TAGS = b"\x0a\x12"
"""A record begins with the tag of one of its two fields."""


def may_be_bare(beginning: bytes, size: int) -> bool:
    """Whether a file may hold one record and nothing else.

    Args:
        beginning: its first `yt8m.data.access.framing.HEADER_BYTES` bytes.
        size: bytes in the file.
    """
    return size <= LARGEST and beginning[:1] in (_TAGS[:1], _TAGS[1:]) and not is_header(beginning)


def as_framed(content: bytes) -> bytes | None:
    """The content of a TFRecord file with this record; None if the content is no record, or one that holds nothing."""
    example = parse(SequenceExample, content)
    if example is None or not (example.feature_lists.feature_list or example.context.feature):
        return None
    return framed(content)
