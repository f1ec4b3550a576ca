"""What `validate` accepts is the same two columns for Python's own reader of CSV files: a property of changed files."""

import csv
import io

import numpy as np

from yt8m.submission import read_segment_submission, read_video_submission, validate

VIDEO = "VideoId,LabelConfidencePairs\nabcd,3 0.75 7 0.5\nefgh,12 1e-3\nVä_-,0 1 3861 0.25\nempty,\n".encode()
SEGMENT = "Class,Segments\n3,abcd:0 efgh:10 Vä_-:5\n7,efgh:295\n12,\n3861,abcd:5 ijkl:100\n".encode()

PIECES = [
    *(bytes([byte]) for byte in b",\":;\r\n\0\t\x0b\x1c '\\_-+.e0579aZ\x7f\xff"),
    *(b"\r\n", b'""', b'","', b", ", b"  ", b"\xef\xbb\xbf", b"\xff\xfe", b"\n\n", b" \n", b"a,b", b"a:b", b'"a"'),
    *(text.encode() for text in ("\u2028", "\u0085", "\u00a0", "\u3000", "٣", "é", "1_0", "nan", "inf", "0x1")),
]
NUM_MUTATIONS = 700


def mutations(content, seed):
    """The content with one to three bytes, or pieces, put in, taken out or put in the place of others; some as UTF-16."""
    random = np.random.default_rng(seed)
    for number in range(NUM_MUTATIONS):
        changed = bytearray(content)
        for _ in range(random.integers(1, 4)):
            place = int(random.integers(len(changed) + 1))
            if random.random() < 0.25:  # at the end or the beginning of a line, of a column or of the file
                ends = [0, len(changed), *(at for at, byte in enumerate(changed) if byte in b"\n,")]
                place = int(random.choice(ends)) + int(random.integers(2))
            length = int(random.integers(3))
            piece = PIECES[random.integers(len(PIECES))] if random.random() < 0.8 else random.bytes(1)
            changed[place : place + length] = piece if random.random() < 0.85 else b""
        yield bytes(changed) if number % 50 else changed.decode("utf-8", "replace").encode("utf-16")


def columns_of(content):
    """The rows as Python reads them, where nothing is changed beforehand; a byte that is no UTF-8 must be an error before."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_videos(tmp_path):
    path, num_valid = tmp_path / "in.csv", 0
    for content in mutations(VIDEO, 0):
        path.write_bytes(content)
        if validate(path).errors:
            continue
        num_valid += 1
        header, *rows = columns_of(content)
        assert header == ["VideoId", "LabelConfidencePairs"]
        found = [
            [row.video_id, *(float(value) for pair in zip(row.classes, row.scores, strict=True) for value in pair)]
            for row in read_video_submission(path)
        ]
        assert [[video, *map(float, pairs.split())] for video, pairs in rows] == found
    assert num_valid > NUM_MUTATIONS / 20


def test_segments(tmp_path):
    path, num_valid = tmp_path / "in.csv", 0
    for content in mutations(SEGMENT, 1):
        path.write_bytes(content)
        if validate(path).errors:
            continue
        num_valid += 1
        header, *rows = columns_of(content)
        assert header == ["Class", "Segments"]
        found = [
            (row.class_id, [f"{video.decode()}:{start}" for video, start in zip(row.ids, row.starts, strict=True)])
            for row in read_segment_submission(path)
        ]
        assert [(int(class_id), segments.split()) for class_id, segments in rows] == found
        # And each segment is one id and one start, wherever it is divided.
        assert all(len(segment.split(":")) == 2 for _, segments in found for segment in segments)
    assert num_valid > NUM_MUTATIONS / 20
