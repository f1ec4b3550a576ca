"""Pieces of files: every record in exactly one, of about equal size, as the headers alone tell."""

import dataclasses
import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from misbehaving_server import serve
from slow_reading import write

from yt8m.cluster.plan import Piece, plan_file
from yt8m.data.records import read_framing
from yt8m.errors import InputError, RecordError


def pieces_of(files: list[str], piece_bytes: int) -> list[Piece]:
    return [piece for number, path in enumerate(files) for piece in plan_file(path, number, piece_bytes)]


def beginnings(path: str) -> list[int]:
    """Where each record begins, and where the file ends, by walking through its bytes here."""
    content, places = Path(path).read_bytes(), [0]
    while places[-1] < len(content):
        (length,) = struct.unpack_from("<Q", content, places[-1])
        places.append(places[-1] + 12 + length + 4)
    return places


@pytest.fixture
def path(tmp_path):
    random = np.random.default_rng(3)
    return write(tmp_path / "a.tfrecord", *(random.bytes(int(size)) for size in random.integers(0, 900, 100)))


def test_pieces_by_hand(tmp_path):
    # Framed, records have 16 bytes more: they begin at bytes 0, 100, 200, 230, 400 of 500.
    path = write(tmp_path / "a.tfrecord", *(bytes(size - 16) for size in (100, 100, 30, 170, 100)))
    assert plan_file(
        path, 7, 200
    ) == [  # three pieces, of which the second begins at or after byte 166, the third at 333
        Piece(7, 0, path, 0, 2, 200),
        Piece(7, 2, path, 200, 2, 200),
        Piece(7, 4, path, 400, 1, 100),
    ]
    assert plan_file(path, 7, 500) == [Piece(7, 0, path, 0, None, 500)]


@pytest.mark.parametrize("piece_bytes", [1, 17, 1000, 4096, 20_000])
def test_every_record_is_in_one_piece(path, piece_bytes):
    pieces, places = plan_file(path, 0, piece_bytes), beginnings(path)
    assert [piece.first_record for piece in pieces] == np.cumsum([0, *(piece.records for piece in pieces)])[
        :-1
    ].tolist()
    assert sum(piece.records for piece in pieces) == 100
    assert [piece.offset for piece in pieces] == [places[piece.first_record] for piece in pieces]
    ends = [*(piece.offset for piece in pieces[1:]), places[-1]]
    assert [piece.offset + piece.num_bytes for piece in pieces] == ends
    largest = max(np.diff(places))
    assert max(piece.num_bytes for piece in pieces) < piece_bytes + largest
    assert len(pieces) <= -(-places[-1] // piece_bytes)
    for piece in pieces:  # a reader finds the records where the plan says
        first = next(read_framing(path, piece.first_record, piece.offset))
        assert (first.index, first.offset, first.problem) == (piece.first_record, piece.offset, None)


def test_pieces_are_in_the_order_of_files_and_records(path, tmp_path):
    others = [write(tmp_path / f"{number}.tfrecord", *[b"x" * 500] * 20) for number in (9, 1)]
    pieces = pieces_of([path, *others], 5000)
    assert pieces == sorted(pieces)
    assert [piece.file for piece in pieces if not piece.first_record] == [path, *others]


def test_small_and_empty_files_are_one_piece_without_a_look_at_their_headers(tmp_path):
    empty, other = tmp_path / "empty.tfrecord", tmp_path / "other.tfrecord"
    empty.touch()
    other.write_bytes(b"no records at all")
    assert pieces_of([str(empty), str(other)], 17) == [
        Piece(0, 0, str(empty), 0, None, 0),
        Piece(1, 0, str(other), 0, None, 17),
    ]


def test_a_compressed_file_is_one_piece(path):
    packed = f"{path}.gz"
    Path(packed).write_bytes(gzip.compress(Path(path).read_bytes()))
    assert plan_file(packed, 0, 1000) == [Piece(0, 0, packed, 0, None, os.path.getsize(packed))]


@pytest.mark.parametrize("damage", ["header", "cut"])
def test_the_rest_of_a_damaged_file_belongs_to_the_piece_before(path, damage):
    places, content = beginnings(path), bytearray(Path(path).read_bytes())
    if damage == "header":
        content[places[60] + 3] ^= 1
    else:
        del content[places[60] + 13 :]
    Path(path).write_bytes(content)
    pieces = plan_file(path, 0, 4096)
    assert sum(piece.records for piece in pieces[:-1]) == pieces[-1].first_record <= 60
    assert pieces[-1].records is None
    assert pieces[-1].offset + pieces[-1].num_bytes == len(content)
    (problem,) = [raw for raw in read_framing(path, pieces[-1].first_record, pieces[-1].offset) if raw.problem]
    assert problem.index == 60


def test_damaged_data_do_not_matter_to_a_plan(path):
    sound = plan_file(path, 0, 4096)
    content = bytearray(Path(path).read_bytes())
    content[beginnings(path)[50] + 12] ^= 1
    Path(path).write_bytes(content)
    assert plan_file(path, 0, 4096) == sound


def test_what_cannot_be_read_is_named(tmp_path):
    missing = str(tmp_path / "missing.tfrecord")
    with pytest.raises(RecordError, match=f"^{missing}: cannot be read \\(No such file or directory\\)"):
        plan_file(missing)
    with pytest.raises(InputError, match="piece_bytes is 0; it must be at least 1"):
        plan_file(missing, piece_bytes=0)


def test_the_plan_of_a_remote_file_is_that_of_a_local_one(path):
    with serve({"/a.tfrecord": Path(path).read_bytes()}) as served:
        url = f"{served.url}/a.tfrecord"
        found = plan_file(url, 2, 4096)
    assert found == [dataclasses.replace(piece, file=url) for piece in plan_file(path, 2, 4096)]
