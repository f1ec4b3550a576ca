"""Compressed files of records, read by everything that reads the same records as they are."""

import functools
import gzip
import io
import random
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from refused import refusal
from slow_reading import make_frames, small_video, write

from yt8m.conversion import convert
from yt8m.data.access.contents import stored_compression
from yt8m.data.access.file_objects import PartsFile, StreamFile
from yt8m.data.endings import broken_end
from yt8m.data.graph.reading import compression_type, interleaved
from yt8m.data.identity import local_ids, read_ids
from yt8m.data.opening import open_source
from yt8m.data.overlap import find_overlap
from yt8m.data.pipeline import make_dataset
from yt8m.data.records import frame_level_record, framed, read_framing, read_offsets
from yt8m.data.source import Source
from yt8m.data.survey import survey
from yt8m.data.tools.inspection import inspect
from yt8m.data.tools.salvage import without_broken_records
from yt8m.data.tools.splitting import parse_parts, split

RECORDS = [
    frame_level_record(f"v{index}", [index % 3], make_frames(np.random.default_rng(index), rgb=4, audio=4))
    for index in range(12)
]
CONTENT = b"".join(map(framed, RECORDS))


def members(content: bytes) -> bytes:
    """Several gzip files one after the other, which do not end where records end."""
    return b"".join(gzip.compress(content[begin : begin + 10_001], 1) for begin in range(0, len(content), 10_001))


COMPRESSED = {"gzip": gzip.compress, "zlib": zlib.compress, "several gzip files": members}


@pytest.fixture
def plain(tmp_path) -> str:
    return write(tmp_path / "plain/train0000.tfrecord", *RECORDS)


@pytest.fixture(params=COMPRESSED)
def packed(request, tmp_path) -> str:
    """The same records, compressed."""
    return written(tmp_path / "packed/train0000.tfrecord.gz", COMPRESSED[request.param](CONTENT))


def written(path: Path, content: bytes) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return str(path)


def test_framing_is_that_of_the_content(plain, packed):
    assert stored_compression(plain) is None
    assert stored_compression(packed) == ("gzip" if Path(packed).read_bytes()[:2] == b"\x1f\x8b" else "zlib")
    expected = list(read_framing(plain))
    assert [raw.data for raw in expected] == RECORDS
    assert list(read_framing(packed)) == expected
    assert list(read_framing(packed, 5, expected[5].offset)) == expected[5:]
    assert list(read_offsets(packed)) == list(read_offsets(plain)) == [*(raw.offset for raw in expected), len(CONTENT)]


def test_what_is_told_of_records_is_the_same(plain, packed):
    expected = inspect([plain])
    assert expected["num_records"] == 12
    assert inspect([packed]) == expected
    one, other = survey([packed]), survey([plain])
    assert (one.level, one.num_records, one.is_whole) == (other.level, 12, True)
    assert local_ids(packed) == read_ids([packed]) == [f"v{index}".encode() for index in range(12)]
    assert find_overlap([plain], [packed]) == f"video v0 is in {plain} and in {packed}"
    assert broken_end(packed) is None


def test_batches_are_the_same(plain, packed):
    found, expected = (list(make_dataset(open_source(path), 5).as_numpy_iterator()) for path in (packed, plain))
    assert [len(batch["id"]) for batch in found] == [5, 5, 2]
    for one, other in zip(found, expected, strict=True):
        for key in other:
            np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.parametrize("level", ["frame", "video"])
def test_tensorflow_is_told_how_files_are_compressed(plain, tmp_path, level):
    """Workers of a data service read by TensorFlow."""
    packed = [written(tmp_path / f"{kind}.tfrecord", pack(CONTENT)) for kind, pack in COMPRESSED.items()]
    source = Source((*packed, plain), level, ("rgb", "audio"))
    assert [compression_type(path) for path in source.files] == ["GZIP", "ZLIB", "GZIP", ""]
    files = tf.data.Dataset.from_tensor_slices(list(source.files))
    assert list(interleaved(files, source, cycle_length=1).as_numpy_iterator()) == RECORDS * 4
    names = ("s3://a/b.tfrecord.gz", "gs://a/b.zlib", "gs://a/b.tfrecord")
    assert [compression_type(name) for name in names] == ["GZIP", "ZLIB", ""], "behind a network, the name tells"
    assert compression_type(f"{tmp_path}/none.tfrecord.gz") == ""


def test_new_files_are_the_same(plain, packed, tmp_path):
    made = {}
    for path in (plain, packed):
        place = tmp_path / Path(path).parent.name / "made"
        convert(path, place / "whole", to="tfrecord")
        convert(path, place / "parts", to="tfrecord", num_shards=3)
        split([path], parse_parts("train=.5,validate=.5"), str(place / "split"))
        files = sorted(each for each in place.rglob("*") if each.is_file())
        made[path] = {each.relative_to(place).as_posix(): each.read_bytes() for each in files}
    assert made[packed] == made[plain]
    assert made[plain]["whole/train0000.tfrecord"] == CONTENT
    assert len(made[plain]) == 6


def test_records_before_damage_are_used(tmp_path):
    whole = gzip.compress(CONTENT)
    path = written(tmp_path / "cut.tfrecord.gz", whole[: len(whole) // 2])
    stream = zlib.decompressobj(31)
    num_bytes = len(stream.decompress(whole[: len(whole) // 2]) + stream.flush())
    num_good = sum(
        raw.offset + len(raw.data) + 16 <= num_bytes for raw in read_framing(written(tmp_path / "x", CONTENT))
    )
    assert 3 < num_good < 9
    reason = f"cannot be decompressed, as the gzip stream is cut off at byte {len(whole) // 2} of the file"
    *good, broken = read_framing(path)
    assert [raw.data for raw in good] == RECORDS[:num_good]
    assert str(broken.as_error(path)) == f"{path}, record {num_good}: {reason}"
    assert broken.ends_file
    assert broken_end(path) == broken
    assert refusal(lambda: list(read_offsets(path))) == f"{path}, record {num_good}: {reason}"
    assert inspect([path])["corrupt_files"] == [{"path": path, "record": num_good, "reason": reason}]
    usable, losses = without_broken_records(open_source(path))
    assert [raw.data for raw in read_framing(usable.files[0])] == RECORDS[:num_good]
    assert losses.num_cut_files == 1
    to_records = functools.partial(convert, to="tfrecord")
    assert refusal(to_records, path, tmp_path / "out").startswith(f"{path}, record {num_good}: cannot be")


@pytest.mark.parametrize(
    ("content", "num_good", "record", "reason"),
    [
        (CONTENT[:-20], 11, 11, "is cut off by the end of the file: it should end at byte {0}, the file ends at {1}"),
        (CONTENT + b"1234", 12, 12, "its header is cut off by the end of the file, at byte {2}"),
        (CONTENT + b"?" * 40, 12, 12, "its header does not match its checksum, so the next record cannot be found, and the "
         "last 40 bytes of the file are lost"),
        (b"no records at all", 0, None, "the file is not a TFRecord file, or its first header is damaged"),
        (b"", 0, None, "the file is empty"),
        (gzip.compress(CONTENT), 0, None, "the file is compressed twice; decompress it once"),
    ],
)  # fmt: skip
def test_damage_of_the_content_is_told_as_of_other_files(tmp_path, content, num_good, record, reason):
    path = written(tmp_path / "a.tfrecord.gz", gzip.compress(content))
    *good, broken = read_framing(path)
    assert [raw.data for raw in good] == RECORDS[:num_good]
    error = broken.as_error(path)
    assert (error.record, error.reason) == (record, reason.format(len(CONTENT), len(CONTENT) - 20, len(CONTENT) + 4))
    assert broken_end(path).problem == broken.problem


def test_a_header_that_claims_more_than_any_record_has(tmp_path):
    header = framed(b"")[:0] + (2**40).to_bytes(8, "little")
    from yt8m.data.access.framing import masked_checksum

    path = written(tmp_path / "a.gz", gzip.compress(header + masked_checksum(header).to_bytes(4, "little") + bytes(99)))
    (raw,) = read_framing(path)
    assert raw.problem == "claims 1099511627776 bytes, more than a record can have"


def test_large_compressed_files_are_looked_at_where_they_begin_alone(tmp_path):
    content = framed(small_video("a")) + framed(random.Random(0).randbytes(3 << 20))
    path = written(tmp_path / "a.tfrecord.gz", gzip.compress(content)[:-9])
    assert broken_end(path) is None
    other = written(tmp_path / "b.tfrecord.gz", gzip.compress(b"?" + content))
    assert broken_end(other).problem == "the file is not a TFRecord file, or its first header is damaged"


@pytest.mark.parametrize("kind", ["stream", "parts"])
def test_file_objects_read_and_seek_as_others(kind):
    content, chance = random.Random(0).randbytes(900_000), random.Random(1)

    def start():
        return (content[begin : begin + 5000] for begin in range(0, len(content), 5000))

    if kind == "stream":
        file = StreamFile(start)
    else:
        file = PartsFile(lambda begin, end: content[begin:end], len(content))
    with file, io.BytesIO(content) as other:
        for _ in range(300):
            if chance.random() < 0.4:
                place = max(
                    0, min(len(content) + 10, other.tell() + chance.choice((-12, 4000, -9000, 100_000, -300_000)))
                )
                file.seek(place)
                other.seek(place)
            size = chance.choice((0, 1, 12, 4000, 60_000))
            assert file.read(size) == other.read(size)
            assert file.tell() == min(other.tell(), file.tell())
        file.seek(100)
        assert file.read() == content[100:]


def test_parts_grow_while_a_file_is_read_in_order():
    asked = []

    def part(begin: int, end: int) -> bytes:
        asked.append((begin, end))
        return bytes(end - begin)

    file = PartsFile(part, 20 << 20)
    while file.read(100_000):
        pass
    assert [end - begin for begin, end in asked[:6]] == [1 << 18, 1 << 19, 1 << 20, 2 << 20, 4 << 20, 4 << 20]
    assert [begin for begin, _ in asked[1:]] == [end for _, end in asked[:-1]]
    asked.clear()
    for place in (9 << 20, 3 << 20):
        file.seek(place)
        file.read(12)
    assert asked == [(9 << 20, (9 << 20) + (1 << 18)), (3 << 20, (3 << 20) + (1 << 18))], "jumps cost little"
