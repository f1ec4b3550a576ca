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
    context = protos.field_at(head, 0, 1)
    if context is not None and context.stop <= len(head):
        lists = protos.field_at(head, context.stop, 2)
        if record.size == (context.stop if lists is None else lists.stop):
            found = protos.parse(protos.Features, head[context])
            if found is not None:
                return found
    example = protos.parse(protos.SequenceExample, record.read(scratch).tobytes())
    if example is None:
        raise record.error("is no tf.train.Example or SequenceExample")
    return example.context


def of_fold(records: Iterable[Record], source: Source) -> Iterator[Record]:
    """Gives the records that the source's fold leaves.

    Raises:
        InputError: the fold's index cannot be used.
        RecordError: a record cannot be read.
    """
    keep, scratch = membership(source.fold, source.held_out), Scratch()
    return (record for record in records if keep(id_in(read_context(record, scratch)) or b""))
