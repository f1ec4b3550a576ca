"""Reads what a record says of the whole video, without its frames."""

from collections.abc import Iterable, Iterator

from yt8m.data import protos
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.records import Record
from yt8m.data.folds import membership
from yt8m.data.identity import id_in
from yt8m.data.source import Source

_HEAD_BYTES = 4096
"""Holds the context of nearly every record."""


def read_context(record: Record, scratch: Scratch):
    """Reads a record's context, `protos.Features`.

    If the context comes first and alone, as protobuf's libraries write it, nothing else is read, and the checksum of the data
    is left to whoever reads the frames.

    Raises:
        RecordError: the record must be read whole, and is damaged.
    """
    head = record.content.read(record.begin, min(record.size, _HEAD_BYTES), scratch).tobytes()
    context = _field(head, 0, 1)
    if context is not None and context.stop <= len(head):
        lists = _field(head, context.stop, 2)
        if record.size == (context.stop if lists is None else lists.stop):
            found = protos.parse(protos.Features, head[context])
            if found is not None:
                return found
    example = protos.parse(protos.SequenceExample, record.read(scratch).tobytes())
    if example is None:
        raise record.error("is no tf.train.Example or SequenceExample")
    return example.context


def _field(data: bytes, begin: int, number: int) -> slice | None:
    """Where a message lies that is the field of this number and begins here. None if another one begins, or none."""
    if begin >= len(data) or data[begin] != number << 3 | 2:
        return None
    size = 0
    for place, byte in enumerate(data[begin + 1 : begin + 11]):
        size |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            start = begin + 2 + place
            return slice(start, start + size)
    return None


def of_fold(records: Iterable[Record], source: Source) -> Iterator[Record]:
    """Gives the records that the source's fold leaves.

    Raises:
        InputError: the fold's index cannot be used.
        RecordError: a record cannot be read.
    """
    keep, scratch = membership(source.fold, source.held_out), Scratch()
    return (record for record in records if keep(id_in(read_context(record, scratch)) or b""))
