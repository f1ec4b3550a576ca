"""TFRecord framing against TensorFlow's own reader and writer."""

import numpy as np
import pytest
import tensorflow as tf

from yt8m.data.records import (
    frame_level_record,
    framed,
    is_header,
    masked_checksum,
    read_framing,
    video_level_record,
)

RECORDS = [b"", b"a", b"abc" * 1000]


def written(path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def test_framing_is_tensorflows(tmp_path):
    path = tmp_path / "theirs.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in RECORDS:
            writer.write(record)
    assert b"".join(framed(record) for record in RECORDS) == path.read_bytes()
    read = list(read_framing(str(path)))
    assert [raw.data for raw in read] == RECORDS
    assert [(raw.index, raw.offset, raw.problem) for raw in read] == [(0, 0, None), (1, 16, None), (2, 33, None)]


def test_checksum_of_known_bytes():
    # CRC32C of "123456789" is e3069283 (RFC 3720, appendix B.4, lists others); rotated and shifted by hand.
    checksum = 0xE3069283
    rotated = (checksum >> 15) | ((checksum & 0x7FFF) << 17)
    assert masked_checksum(b"123456789") == (rotated + 0xA282EAD8) % 2**32


def test_headers_are_told_from_data():
    record = framed(b"x" * 100)
    assert is_header(record[:12])
    assert not is_header(record[1:13])
    assert not is_header(record[:11])


@pytest.mark.parametrize(
    ("length", "num_good", "problem"),
    [
        (0, 0, "the file is empty"),
        (5, 0, "its header is cut off by the end of the file"),
        (14, 0, "is cut off by the end of the file"),
        (33, 2, None),
        (40, 2, "its header is cut off by the end of the file"),
        (50, 2, "is cut off by the end of the file"),
        (3048, 2, "is cut off by the end of the file"),
    ],
)
def test_a_file_that_is_cut_off(tmp_path, length, num_good, problem):
    content = b"".join(framed(record) for record in RECORDS)
    *good, last = read_framing(written(tmp_path / "cut.tfrecord", content[:length]))
    if problem is None:
        good, last = [*good, last], None
    assert [raw.data for raw in good] == RECORDS[:num_good]
    assert last is None or last.problem.startswith(problem)


@pytest.mark.parametrize(
    ("position", "broken", "num_read"), [(1, 0, 1), (20, 1, 2), (30, 1, 3), (28, 1, 3), (200, 2, 3)]
)
def test_a_flipped_bit(tmp_path, position, broken, num_read):
    """In a header it ends the file; in data or its checksum the next record follows."""
    content = bytearray(b"".join(framed(record) for record in RECORDS))
    content[position] ^= 16
    read = list(read_framing(written(tmp_path / "flipped.tfrecord", bytes(content))))
    assert [raw.index for raw in read if raw.problem] == [broken]
    assert len(read) == num_read


def test_a_header_that_claims_more_than_the_file_holds(tmp_path):
    length = (2**60).to_bytes(8, "little")
    content = length + masked_checksum(length).to_bytes(4, "little") + b"abc"
    (raw,) = read_framing(written(tmp_path / "huge.tfrecord", content))
    assert raw.problem.startswith("is cut off by the end of the file")


def test_files_of_other_kinds(tmp_path):
    (raw,) = read_framing(written(tmp_path / "text", b"Index,Name\n" * 9))
    assert raw.problem.startswith("the file is not a TFRecord file")
    (raw,) = read_framing(written(tmp_path / "packed", b"\x1f\x8b" + bytes(50)))
    assert "gzip" in raw.problem


def test_records_parse_with_tensorflow():
    rgb = np.arange(2048, dtype=np.uint8).reshape(2, 1024)
    context, lists = tf.io.parse_single_sequence_example(
        frame_level_record("abcd", [4, 9], {"rgb": rgb}),
        {"id": tf.io.FixedLenFeature([], tf.string), "labels": tf.io.RaggedFeature(tf.int64)},
        {"rgb": tf.io.FixedLenSequenceFeature([], tf.string)},
    )
    assert (context["id"].numpy(), context["labels"].numpy().tolist()) == (b"abcd", [4, 9])
    assert [row for row in lists["rgb"].numpy()] == [row.tobytes() for row in rgb]
    example = tf.train.Example.FromString(video_level_record("abcd", None, {"audio": np.arange(128.0)}))
    assert sorted(example.features.feature) == ["id", "mean_audio"]
    assert list(example.features.feature["mean_audio"].float_list.value) == list(range(128))


@pytest.mark.parametrize("num_frames", [0, 1, 7])
@pytest.mark.parametrize("size", [1, 31, 32, 127, 128, 1024, 5000])
def test_frames_have_the_bytes_that_protobuf_writes(num_frames, size):
    random = np.random.default_rng(size)
    frames = {
        "rgb": random.integers(0, 256, (num_frames, size), np.uint8),
        "zz": random.normal(size=(num_frames, size)).astype(np.float32)[:, ::-1],
        "halves": random.normal(size=(num_frames, size)).astype(np.float16),
    }
    example = tf.train.SequenceExample()
    example.context.feature["id"].bytes_list.value.append(b"abcd")
    example.context.feature["labels"].int64_list.value.extend([1, 300])
    for name, rows in frames.items():
        rows_of = example.feature_lists.feature_list[name].feature
        for row in rows:
            if name == "zz":
                rows_of.add().float_list.value.extend(row.tolist())
            else:
                rows_of.add().bytes_list.value.append(row.tobytes())
    assert frame_level_record("abcd", [1, 300], frames) == example.SerializeToString(deterministic=True)
