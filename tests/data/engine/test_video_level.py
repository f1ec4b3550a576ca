"""Batches of video-level records against protobuf's own reading of each record, and its checks."""

import itertools
from random import Random

import numpy as np
import pytest
from odd_records import MAX_LABELS, NUM_CLASSES, OddRecords, chunk, varint

from yt8m.data.checking import check_record
from yt8m.data.engine import video_level
from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.pieces import PieceFile
from yt8m.data.engine.records import LocalFile
from yt8m.data.engine.video_level import batches_at_once, joined_batches, video_batches
from yt8m.data.features import Feature, names_of
from yt8m.data.protos import Example
from yt8m.data.records import framed
from yt8m.data.source import Source
from yt8m.errors import RecordError

SIZES = {"rgb": 1024, "audio": 128}
SOURCE = Source((), "video", ("rgb", "audio"), num_classes=NUM_CLASSES, max_labels=MAX_LABELS)


@pytest.fixture
def usual_alone(monkeypatch):
    """Fails if a record is read by protobuf."""

    def refuse(batch, row, record, source, scratch):
        raise AssertionError(f"record {record.index} counts as unusual")

    monkeypatch.setattr(video_level, "_put_parsed", refuse)


def records_of(tmp_path, *contents: bytes, kind=PieceFile):
    path = tmp_path / "some.tfrecord"
    path.write_bytes(b"".join(map(framed, contents)))
    return list(kind(str(path)).records())


def read(records, source=SOURCE) -> dict[str, np.ndarray]:
    (batch,) = video_batches(records, len(records), source, Pool(), Scratch())
    return batch


def expected(content: bytes, source=SOURCE) -> dict:
    """What protobuf reads, of a record that has all that it needs."""
    stored = Example.FromString(content).features.feature
    names = [name for key in ("id", "video_id") if key in stored for name in stored[key].bytes_list.value]
    labels = list(stored["labels"].int64_list.value) if "labels" in stored else []
    row = {"id": next(filter(None, names)), "labels": labels + [-1] * (source.max_labels - len(labels))}
    for name in names_of(source.features):
        floats = stored[f"mean_{name}"].float_list.value if f"mean_{name}" in stored else [0.0] * SIZES[name]
        row[f"mean_{name}"] = np.array(floats, np.float32)
    return row


def assert_holds(batch, contents, source=SOURCE):
    assert batch["id"].dtype == object
    assert batch["labels"].dtype == np.int32
    for row, content in enumerate(contents):
        wanted = expected(content, source)
        assert set(batch) == set(wanted)
        assert batch["id"][row] == wanted["id"]
        assert batch["labels"][row].tolist() == wanted["labels"]
        for name in names_of(source.features):
            assert batch[f"mean_{name}"].dtype == np.float32
            assert batch[f"mean_{name}"][row].tobytes() == wanted[f"mean_{name}"].tobytes()


def entry(key: str, kind: int, values: bytes) -> bytes:
    return chunk(1, chunk(1, key.encode()) + chunk(2, chunk(kind, values)))


def entries(seed: int, num_labels=3, id_key="id", id_length=4) -> dict[str, bytes]:
    """The parts of a record as protobuf writes them."""
    rng = np.random.default_rng(seed)
    labels = b"".join(varint(int(label)) for label in rng.integers(0, NUM_CLASSES, num_labels))
    parts = {
        "id": entry(id_key, 1, chunk(1, rng.bytes(id_length))),
        "labels": entry("labels", 3, chunk(1, labels) if labels else b""),
    }
    for name, size in SIZES.items():
        values = rng.normal(size=size).astype("<f4").tobytes()
        parts[f"mean_{name}"] = entry(f"mean_{name}", 2, chunk(1, values))
    return parts


def example(parts) -> bytes:
    return chunk(1, b"".join(parts))


class TestUsualRecords:
    def test_every_order_of_keys(self, tmp_path, usual_alone):
        contents = [
            example(parts[name] for name in order)
            for seed, id_key in enumerate(("id", "video_id"))
            for parts in [entries(seed, id_key=id_key)]
            for order in itertools.permutations(parts)
        ]
        assert len(contents) == 48
        assert_holds(read(records_of(tmp_path, *contents)), contents)

    def test_the_parts_are_as_protobuf_writes_them(self):
        for seed in range(20):
            content = example(entries(seed, num_labels=seed % 7).values())
            message = Example.FromString(content)
            parts = [each.SerializeToString() for each in message.features.feature.values()]
            assert all(part in content for part in parts)
            assert len(message.SerializeToString()) == len(content)

    def test_ids_of_all_lengths_and_with_any_bytes(self, tmp_path, usual_alone):
        contents = [example(entries(length, id_length=length).values()) for length in range(1, 299)]
        contents.append(example({**entries(0), "id": entry("id", 1, chunk(1, b"\0a\0\0"))}.values()))
        batch = read(records_of(tmp_path, *contents))
        assert_holds(batch, contents)
        assert batch["id"][-1] == b"\0a\0\0"

    def test_labels_of_all_widths(self, tmp_path, usual_alone):
        source = Source((), "video", ("rgb", "audio"), num_classes=2**31 - 1, max_labels=200)
        lists = [
            [],
            [0],
            [127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**28 - 1, 2**28, 2**31 - 2],
            list(range(0, 20_000, 101)),
        ]
        contents = []
        for labels in lists:
            parts = entries(1)
            parts["labels"] = entry("labels", 3, chunk(1, b"".join(map(varint, labels))) if labels else b"")
            contents.append(example(parts.values()))
        batch = read(records_of(tmp_path, *contents), source)
        for row, labels in enumerate(lists):
            assert batch["labels"][row, : len(labels)].tolist() == labels
            assert (batch["labels"][row, len(labels) :] == -1).all()

    @pytest.mark.parametrize("lacking", ["labels", "mean_rgb", "mean_audio"])
    def test_what_records_lack(self, tmp_path, usual_alone, lacking):
        contents = [example(entries(seed).values()) for seed in range(4)]
        for seed in (1, 2):
            parts = entries(seed)
            del parts[lacking]
            contents[seed] = example(parts.values())
        assert_holds(read(records_of(tmp_path, *contents)), contents)

    def test_features_that_are_not_asked_for(self, tmp_path, usual_alone):
        source = Source((), "video", ("audio",), num_classes=NUM_CLASSES, max_labels=MAX_LABELS)
        contents = [example(entries(seed).values()) for seed in range(3)]
        assert_holds(read(records_of(tmp_path, *contents), source), contents, source)

    def test_ids_and_labels_alone(self, tmp_path, usual_alone):
        source = Source((), "video", ("rgb", "audio"), NUM_CLASSES, MAX_LABELS, without_features=True)
        contents = [example(entries(seed).values()) for seed in range(3)]
        batch = read(records_of(tmp_path, *contents), source)
        assert set(batch) == {"id", "labels"}
        assert batch["id"].tolist() == [expected(content)["id"] for content in contents]

    def test_empty_lists_of_frames_at_the_end(self, tmp_path, usual_alone):
        """As the records of 2018 have them."""
        contents = [example(entries(seed).values()) + chunk(2, b"")[: 2 * (seed % 2)] for seed in range(4)]
        assert_holds(read(records_of(tmp_path, *contents)), contents)

    def test_features_of_other_sizes_and_names(self, tmp_path, usual_alone):
        """One so large that its length takes three bytes, and two whose keys differ in the last letter alone."""
        features = (Feature("wide", 5000), Feature("collection_a", 3), Feature("collection_b", 3))
        source = Source((), "video", features, NUM_CLASSES, MAX_LABELS)
        rng, contents, values = np.random.default_rng(3), [], []
        for seed in range(5):
            parts = {key: entries(seed)[key] for key in ("id", "labels")}
            values.append({each.name: rng.normal(size=each.size).astype("<f4") for each in features})
            for name, row in values[-1].items():
                parts[name] = entry(f"mean_{name}", 2, chunk(1, row.tobytes()))
            contents.append(example(parts[key] for key in rng.permutation(list(parts))))
        batch = read(records_of(tmp_path, *contents), source)
        for feature in features:
            assert (batch[feature.video_name] == [row[feature.name] for row in values]).all()

    def test_records_of_a_file_that_is_read_one_by_one(self, tmp_path, usual_alone):
        contents = [example(entries(seed).values()) for seed in range(9)]
        assert_holds(read(records_of(tmp_path, *contents, kind=LocalFile)), contents)

    def test_records_of_several_files_in_any_order(self, tmp_path, usual_alone):
        contents = [example(entries(seed, num_labels=seed % 5).values()) for seed in range(30)]
        records = [*records_of(tmp_path, *contents[:20])]
        (tmp_path / "b").mkdir()
        records += records_of(tmp_path / "b", *contents[20:])
        order = np.random.default_rng(4).permutation(30)
        assert_holds(read([records[place] for place in order]), [contents[place] for place in order])


CONTENTS = tuple(example(entries(seed, num_labels=seed % 5).values()) for seed in range(300))


class TestSeveralBatchesAtOnce:
    @pytest.mark.parametrize("block", [50, 512])
    @pytest.mark.parametrize("batch_size", [1, 7, 64, 100, 257, 299, 300, 1000])
    def test_they_are_those_of_one_by_one(self, tmp_path, usual_alone, monkeypatch, batch_size, block):
        monkeypatch.setattr(video_level, "_BLOCK", block)
        records = records_of(tmp_path, *CONTENTS)
        number = batch_size * min(3, batches_at_once(batch_size, SOURCE))
        found = [
            batch
            for first in range(0, 300, number)
            for batch in video_batches(records[first : first + number], batch_size, SOURCE, Pool(), Scratch())
        ]
        assert [len(batch["id"]) for batch in found[:-1]] == [batch_size] * (len(found) - 1)
        assert sum(len(batch["id"]) for batch in found) == 300
        for number, batch in enumerate(found):
            assert_holds(batch, CONTENTS[number * batch_size :][:batch_size])
            assert batch["mean_rgb"].flags.c_contiguous

    def test_an_error_comes_in_place_of_its_batch(self, tmp_path):
        """Records 17 and 19 are damaged, and so the fourth batch of five records."""
        contents = [*CONTENTS[:17], b"\xff", CONTENTS[18], b""]
        stream, found = video_batches(records_of(tmp_path, *contents), 5, SOURCE, Pool(), Scratch()), []
        with pytest.raises(RecordError, match="record 17"):
            found.extend(stream)
        assert len(found) == 3
        for number, batch in enumerate(found):
            assert_holds(batch, contents[5 * number :][:5])

    def test_how_many_are_made_at_once(self):
        assert [batches_at_once(size, SOURCE) for size in (1, 64, 100, 1024, 5000)] == [1024, 16, 10, 1, 1]
        wide = Source((), "video", (Feature("wide", 1 << 20),), NUM_CLASSES, MAX_LABELS)
        assert [batches_at_once(size, wide) for size in (1, 2, 64)] == [2, 1, 1]

    def test_they_come_as_one_unless_a_record_is_damaged(self, tmp_path):
        def read(contents, batch_size):
            records, found = records_of(tmp_path, *contents), []
            try:
                found.extend(joined_batches(records, batch_size, SOURCE, Pool(), Scratch()))
            except RecordError as error:
                return found, error.record
            return found, None

        (batch,), number = read(CONTENTS, 64)
        assert number is None
        assert_holds(batch, CONTENTS)
        batches, number = read([*CONTENTS[:17], b"\xff", CONTENTS[18]], 5)
        assert number == 17
        assert b"".join(id for batch in batches for id in batch["id"]) == b"".join(
            expected(content)["id"] for content in CONTENTS[:15]
        )

    def test_no_records(self):
        assert list(video_batches([], 5, SOURCE, Pool(), Scratch())) == []


def outcome(records, source=SOURCE):
    """A batch, or the number of a record and its error's reason."""
    try:
        return read(records, source)
    except RecordError as error:
        return error.record, error.reason


def assert_agrees(tmp_path, contents):
    """Compares the outcome of each record alone, of the sound ones together, and of all."""
    records = records_of(tmp_path, *contents)
    problems = [check_record(content, **SOURCE.expectations) for content in contents]
    for record, content, problem in zip(records, contents, problems, strict=True):
        found = outcome([record])
        if problem is None:
            assert_holds(found, [content])
        else:
            assert found == (record.index, problem)
    sound = [place for place, problem in enumerate(problems) if problem is None]
    assert_holds(read([records[place] for place in sound]), [contents[place] for place in sound])
    first = next((place for place, problem in enumerate(problems) if problem), None)
    if first is not None:
        assert outcome(records) == (first, problems[first])
    return problems


class TestUnusualRecords:
    def test_odd_ways_to_write_sound_records(self, tmp_path):
        contents = []
        for oddness in (0.05, 0.1, 0.3):
            odd = OddRecords(Random(1), oddness, flaws=0)
            contents += [odd.video_level() for _ in range(40)]
        assert assert_agrees(tmp_path, contents).count(None) > 30

    def test_flaws(self, tmp_path):
        odd = OddRecords(Random(2), oddness=0.02, flaws=0.1)
        problems = assert_agrees(tmp_path, [odd.video_level() for _ in range(150)])
        assert len({problem and problem.split()[0] for problem in problems}) > 5

    @pytest.mark.parametrize("seed", range(3))
    def test_mutated_records(self, tmp_path, seed):
        """Changed, cut and inserted bytes, mostly where there are no floats. The checksums are right."""
        rng = np.random.default_rng(seed)
        contents = []
        for case in range(130):
            parts = list(entries(case).values())
            content = bytearray(example(parts[place] for place in rng.permutation(len(parts))))
            borders = np.array(
                [place for place in range(len(content)) if content[place : place + 5] in (b"mean_", b"label")]
            )
            for _ in range(rng.integers(1, 4)):
                near = int(rng.choice([0, *borders]) + rng.integers(-20, 40))
                place = min(max(0, near), len(content) - 1) if rng.random() < 0.8 else int(rng.integers(len(content)))
                match rng.integers(4):
                    case 0:
                        content[place] = rng.integers(256)
                    case 1:
                        content[place] ^= 1 << rng.integers(8)
                    case 2:
                        del content[place : place + int(rng.integers(1, 30))]
                    case 3:
                        content[place:place] = rng.bytes(int(rng.integers(1, 12)))
            contents.append(bytes(content))
        problems = assert_agrees(tmp_path, [*contents, b"", b"\x0a", b"\x0a\x00", b"\xff" * 30])
        assert 0 < problems.count(None) < 130

    def test_a_label_that_is_cut_off_leaves_the_next_record_alone(self, tmp_path):
        cut = entries(0) | {"labels": entry("labels", 3, chunk(1, b"\x03\x85"))}
        contents = [example(entries(1).values()), example(cut.values()), example(entries(2).values())]
        problems = assert_agrees(tmp_path, contents)
        assert [problem is None for problem in problems] == [True, False, True]

    def test_entries_that_claim_more_than_their_record_holds(self, tmp_path):
        whole = b"".join(entries(0).values())
        contents = [chunk(1, whole[:-length]) for length in (1, 100, 500, 520, 530, 3000)]
        for content in contents:
            assert None not in assert_agrees(tmp_path, [example(entries(1).values()), content])[1:]
        assert_agrees(tmp_path, [*contents, example(entries(1).values())])

    def test_more_entries_than_any_record_has(self, tmp_path):
        many = [entry(f"key{number}", 3, b"") for number in range(3000)]
        assert_agrees(tmp_path, [example(many), example([*entries(0).values(), *many]), example([b"\x0a\x00"] * 3000)])

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite(self, tmp_path, value):
        floats = np.zeros(128, "<f4")
        floats[100] = value
        broken = entries(1) | {"mean_audio": entry("mean_audio", 2, chunk(1, floats.tobytes()))}
        contents = [example(entries(0).values()), example(broken.values())]
        assert outcome(records_of(tmp_path, *contents)) == (1, "mean_audio has a value that is NaN or infinite")

    def test_finite_numbers_whose_sum_is_not(self, tmp_path, usual_alone):
        floats = np.full(128, 3e38, "<f4")
        parts = entries(1) | {"mean_audio": entry("mean_audio", 2, chunk(1, floats.tobytes()))}
        contents = [example(entries(0).values()), example(parts.values())]
        assert_holds(read(records_of(tmp_path, *contents)), contents)


class TestChecksums:
    @pytest.mark.parametrize("kind", [PieceFile, LocalFile])
    def test_every_flipped_byte_is_found(self, tmp_path, kind):
        records_of(tmp_path, *(example(entries(seed).values()) for seed in range(3)))
        path = tmp_path / "some.tfrecord"
        intact, size = path.read_bytes(), len(path.read_bytes()) // 3
        for place in [*range(size + 12, size + 60), 2 * size - 5, 2 * size - 4, 2 * size - 1]:
            content = bytearray(intact)
            content[place] ^= 4
            path.write_bytes(content)
            records = list(kind(str(path)).records())
            assert outcome(records) == (1, "its data do not match their checksum"), place

    def test_the_first_of_several_broken_records_is_named(self, tmp_path):
        flawed = entries(1)
        del flawed["id"]
        contents = [example(entries(0).values()), example(flawed.values()), example(entries(2).values())]
        records_of(tmp_path, *contents)
        path = tmp_path / "some.tfrecord"
        content = bytearray(path.read_bytes())
        content[-100] ^= 1
        path.write_bytes(content)
        records = list(PieceFile(str(path)).records())
        assert outcome(records) == (1, "has no id (neither id nor video_id)")
        assert outcome(records[2:]) == (2, "its data do not match their checksum")


@pytest.mark.parametrize("folder", ["video_2018", "video_2017"])
def test_real_records(real_data, usual_alone, folder):
    source = Source((), "video", ("rgb", "audio"), num_classes=4716)
    for path in sorted((real_data / folder).glob("*.tfrecord"))[:4]:
        records = list(PieceFile(str(path)).records())
        scratch = Scratch()
        contents = [record.read(scratch).tobytes() for record in records]
        for first in range(0, len(records), 100):
            assert_holds(read(records[first : first + 100], source), contents[first : first + 100], source)
