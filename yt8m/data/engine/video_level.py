"""Makes batches of video-level records, with the shapes of `yt8m.data.schema`.

A record is small, so what Python does once a record costs more than what it reads. Whole batches are read by few operations on
arrays. Records that are written in an unusual way, and broken ones, go one by one through protobuf.

B = videos, D = values of a feature, L = label columns.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import google_crc32c
import numpy as np

from yt8m.data.checking import check_record, parse
from yt8m.data.engine.checksums import extended, unmasked, words_at
from yt8m.data.engine.entries import Pattern, Patterns, Places, every_word, find_entries
from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.pieces import Piece
from yt8m.data.engine.records import Record
from yt8m.data.features import KNOWN, Feature, rows_of
from yt8m.data.protos import SequenceExample
from yt8m.data.records import FOOTER_BYTES
from yt8m.data.schema import ID_KEYS, LABEL_PADDING
from yt8m.data.source import Source
from yt8m.errors import RecordError

Batch = dict[str, np.ndarray]

_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3
"""Field numbers of a `Feature`."""
_LONGEST_ID = 300
_MOST_LABEL_BYTES = 500
"""Longer values count as unusual."""
_FLOAT_BYTES = 4
_BLOCK, _ROWS_AT_ONCE = 512, 64
"""Records, and rows of floats, that the processor's caches hold. Smaller blocks cost more: each takes 150 operations."""
_MOST_AT_ONCE, _MOST_BYTES_AT_ONCE = 1024, 8 << 20
"""Records, and bytes of their features, that are made into batches in one go."""
_WIDEST_LABEL = 5
"""Bytes of the largest int32."""


def batches_at_once(batch_size: int, source: Source) -> int:
    """Batches that are best made in one go: so many that Python costs little, and that they take little memory."""
    num_bytes = sum(feature.size * _FLOAT_BYTES for feature in rows_of(source.features))
    return max(1, min(_MOST_AT_ONCE, _MOST_BYTES_AT_ONCE // num_bytes) // batch_size)


def video_batches(
    records: Sequence[Record], batch_size: int, source: Source, pool: Pool, scratch: Scratch
) -> Iterator[Batch]:
    """Reads video-level records into batches.

    Args:
        records: the records, best of `batches_at_once` batches.
        batch_size: records in a batch; the last one may have fewer.
        source: what they must be like.
        pool: gives the memory of the features.
        scratch: memory of this thread to read records into.

    Raises:
        RecordError: in place of its batch, if a record is damaged, or is not as the source says. The error names the first such
            record of the batch.
    """
    several = max(1, _BLOCK // batch_size)
    for first in range(0, len(records), several * batch_size):
        group = records[first : first + several * batch_size]
        block = _read_block(group, source, scratch) if len(group) <= _BLOCK else None
        for start in range(0, len(group), batch_size):
            part = block and block.rows(start, batch_size)
            yield _batch(group[start : start + batch_size], part, source, pool, scratch)


def joined_batches(
    records: Sequence[Record], batch_size: int, source: Source, pool: Pool, scratch: Scratch
) -> Iterator[Batch]:
    """Like `video_batches`, but gives all batches as one, to be cut up elsewhere; with a damaged record, one by one."""
    try:
        whole = _batch(records, None, source, pool, scratch)
    except RecordError:
        yield from video_batches(records, batch_size, source, pool, scratch)
    else:
        yield whole


def _batch(records: Sequence[Record], block: "_Block | None", source: Source, pool: Pool, scratch: Scratch) -> Batch:
    """Makes a batch of records that have been read as a part of a block, or else reads them block by block."""
    features = () if source.without_features else rows_of(source.features)
    batch: Batch = {
        "id": np.empty(len(records), object),
        "labels": np.empty((len(records), source.max_labels), np.int32),
    }
    for feature in features:
        batch[feature.video_name] = pool.empty((len(records), feature.size), np.float32)
    for first in range(0, len(records), _BLOCK):
        part = slice(first, first + _BLOCK)
        read = block or _read_block(records[part], source, scratch)
        _put_block({key: values[part] for key, values in batch.items()}, read, records[part], source, scratch)
    if source.labels:
        batch["labels"][:] = LABEL_PADDING
        for row, labels in enumerate(map(source.labels_of, batch["id"])):
            batch["labels"][row, : len(labels)] = labels
    return batch


class _Block(NamedTuple):
    """Records whose fields have been found."""

    data: np.ndarray
    """Their bytes, and some more, uint8."""
    ids: np.ndarray
    """Objects, [B]."""
    labels: np.ndarray
    """int32 [B, L]."""
    floats: dict[str, Places]
    """The values of each feature that is wanted, by its name."""
    is_usual: np.ndarray
    """Whether all this was found, bool [B]."""

    def rows(self, first: int, number: int) -> "_Block":
        """Some of the records."""
        rows = slice(first, first + number)
        floats = {name: Places(each.begins[rows], each.sizes[rows]) for name, each in self.floats.items()}
        return _Block(self.data, self.ids[rows], self.labels[rows], floats, self.is_usual[rows])


def _read_block(records: Sequence[Record], source: Source, scratch: Scratch) -> _Block:
    """Finds the fields of records."""
    patterns = _patterns(rows_of(source.features))
    data, begins, ends, is_usual = _joined(records, scratch, patterns.padding)
    words = every_word(data)
    entries = find_entries(words, begins, ends, len(patterns.names), patterns.longest)
    fields, are_alone = patterns.find(words, entries)
    labels, have_labels = _labels(data, fields["labels"], source)
    is_usual &= are_alone & (fields["id"].begins >= 0) & have_labels
    floats = {feature.video_name: fields[feature.video_name] for feature in rows_of(source.features)}
    is_usual &= np.any([places.begins >= 0 for places in floats.values()], axis=0)
    return _Block(data, _ids(data, fields["id"]), labels, floats, is_usual)


def _put_block(batch: Batch, block: _Block, records: Sequence[Record], source: Source, scratch: Scratch) -> None:
    """Puts records into as many rows of a batch."""
    batch["id"][:], batch["labels"][:], is_usual = block.ids, block.labels, block.is_usual
    for name, places in block.floats.items():
        if name in batch:
            is_usual = is_usual & _put_floats(batch[name], block.data, places)
    for row in np.flatnonzero(~is_usual):
        _put_parsed(batch, row, records[row], source, scratch)


def _joined(
    records: Sequence[Record], scratch: Scratch, padding: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Puts the data of all records, each with its checksum, into one memory.

    Returns:
        The memory, uint8, with some bytes of padding; where each record's data begin and end, int64 [B]; whether they match
        their checksum, bool [B].
    """
    framed = [
        content.memory[begin : begin + size + FOOTER_BYTES]
        if type(content) is Piece
        else content.read(begin, size + FOOTER_BYTES, scratch).copy()
        for _, _, content, begin, size in records
    ]
    # Checksums of data and footer, so that no record has to be cut in two.
    checksums = np.fromiter(map(google_crc32c.value, framed), np.uint32, len(framed))
    stops = np.cumsum(np.fromiter(map(len, framed), np.int64, len(framed)))
    data = np.frombuffer(b"".join([*framed, bytes(padding)]), np.uint8)
    ends = stops - FOOTER_BYTES
    footers = words_at(data, ends)
    is_intact = checksums == extended(unmasked(footers), footers)
    return data, np.concatenate([[0], stops[:-1]]), ends, is_intact


@functools.lru_cache(maxsize=16)
def _patterns(features: tuple[Feature, ...]) -> Patterns:
    """How the fields of a batch are written, under each of their keys. Features that are not read are among the fields."""
    ids = [Pattern(key, _BYTES_LIST, range(1, _LONGEST_ID)) for key in ID_KEYS]
    fields = {"id": ids, "labels": [Pattern("labels", _INT64_LIST, range(_MOST_LABEL_BYTES))]}
    for feature in {each.video_name: each for each in (*KNOWN.values(), *features)}.values():
        keys = (feature.video_name, *feature.video_keys)
        fields[feature.video_name] = [Pattern(key, _FLOAT_LIST, [_FLOAT_BYTES * feature.size]) for key in keys]
    return Patterns(fields)


def _ids(data: np.ndarray, places: Places) -> np.ndarray:
    """Copies ids out, objects [B]. Records without one get the empty bytes."""
    which, _ = _bytes_of(places)
    text, ends = data[which].tobytes(), np.cumsum(places.sizes).tolist()
    ids = np.empty(len(ends), object)
    ids[:] = [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    return ids


def _bytes_of(places: Places) -> tuple[np.ndarray, np.ndarray]:
    """All bytes of a field, one record after the other: their places, and the numbers of their records, int64 [n]."""
    rows = np.repeat(np.arange(len(places.sizes)), places.sizes)
    before = np.cumsum(places.sizes) - places.sizes
    return np.arange(len(rows)) + (places.begins - before)[rows], rows


def _labels(data: np.ndarray, places: Places, source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Decodes labels, int32 [B, L]. Also returns for which records that succeeds, bool [B]."""
    decoded = np.full((len(places.sizes), source.max_labels), LABEL_PADDING, np.int32)
    which, rows = _bytes_of(places)
    is_last = data[which] < 128
    ends = (np.cumsum(places.sizes) - 1)[places.sizes > 0]
    is_cut_off = ~is_last[ends]
    is_last[ends] = True
    lasts = np.flatnonzero(is_last)
    widths = np.diff(lasts, prepend=-1)
    labels, rows = _varints(data, which[lasts] + 1 - widths, widths), rows[lasts]
    counts = np.bincount(rows, minlength=len(decoded))
    columns = np.arange(len(labels)) - (np.cumsum(counts) - counts)[rows]
    is_good = counts <= source.max_labels
    is_good[rows[(labels >= source.num_classes) | (widths > _WIDEST_LABEL)]] = False
    is_good[np.flatnonzero(places.sizes)[is_cut_off]] = False
    fits = is_good[rows]
    decoded[rows[fits], columns[fits]] = labels[fits]
    return decoded, is_good


def _varints(data: np.ndarray, begins: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Numbers in protobuf's encoding, int64 [n]. Only `_WIDEST_LABEL` bytes of them are read."""
    words, numbers = every_word(data)[begins], np.zeros(len(begins), np.int64)
    for place in range(min(_WIDEST_LABEL, widths.max(initial=0))):
        numbers += (words >> 8 * place & 127) * (place < widths) << 7 * place
    return numbers


def _put_floats(target: np.ndarray, data: np.ndarray, places: Places) -> np.ndarray:
    """Copies floats into float32 [B, D], zeros for records without any. Returns which records are finite, bool [B]."""
    size = target.shape[1] * target.itemsize
    # Items of the size of all floats of a record, one from each byte on.
    items = np.ndarray((max(0, len(data) - size + 1),), f"V{size}", data, strides=(1,))
    rows = target.reshape(-1).view(items.dtype)
    is_there = places.begins >= 0
    begins = places.begins if is_there.all() else np.maximum(places.begins, 0)
    if len(items):
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            rows[first : first + _ROWS_AT_ONCE] = items[begins[first : first + _ROWS_AT_ONCE]]
    target[~is_there] = 0
    is_finite = np.isfinite(target)
    return np.ones(len(target), bool) if is_finite.all() else is_finite.all(axis=1)


def _put_parsed(batch: Batch, row: int, record: Record, source: Source, scratch: Scratch) -> None:
    """Reads one record by protobuf. Raises RecordError if it is not as the source says."""
    serialized = record.read(scratch).tobytes()
    problem = check_record(serialized, **source.expectations)
    if problem:
        raise record.error(problem)
    stored = (parse(serialized, source.features) or SequenceExample()).context.feature
    ids = (stored[key].bytes_list.value for key in ID_KEYS if key in stored)
    batch["id"][row] = next((values[0] for values in ids if values and values[0]), b"")
    labels = stored["labels"].int64_list.value if "labels" in stored and not source.labels else ()
    batch["labels"][row] = LABEL_PADDING
    batch["labels"][row, : len(labels)] = labels
    for feature in () if source.without_features else rows_of(source.features):
        key = next((key for key in (feature.video_name, *feature.video_keys) if key in stored), None)
        batch[feature.video_name][row] = 0 if key is None else stored[key].float_list.value
