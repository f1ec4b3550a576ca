"""Labels of videos in a CSV file."""

import pytest
from slow_reading import write

import yt8m
from yt8m.data.opening import open_source
from yt8m.data.records import frame_level_record, video_level_record
from yt8m.data.survey import survey
from yt8m.data.tables.video_labels import read_video_labels
from yt8m.errors import InputError


def refused(tmp_path, content: str) -> str:
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_video_labels(str(path))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value).removeprefix(f"{path}, ")


def read(tmp_path, content: str):
    path = tmp_path / "labels.csv"
    path.write_text(content)
    return read_video_labels(str(path))


@pytest.mark.parametrize("field", ["3 7", "3;7", "3|7", '"3,7"', '" 3,  7 "', "3 7 3"])
def test_labels_have_any_of_the_usual_separators(tmp_path, field):
    assert read(tmp_path, f"id,labels\na,{field}\n").of(b"a") == (3, 7)


@pytest.mark.parametrize("header", ["id,labels", "path,labels", "video_id,labels"])
def test_names_of_the_columns(tmp_path, header):
    assert read(tmp_path, f"{header}\na,1\n").of(b"a") == (1,)


def test_other_columns_do_not_matter(tmp_path):
    assert read(tmp_path, "split,labels,id\ntrain,4,a\n").of(b"a") == (4,)


def test_a_path_is_found_by_its_end_too(tmp_path):
    labels = read(tmp_path, "path,labels\n/d/a.mp4,1\na.mp4,2\na,3\nb,4\nc.d,5\n")
    ids = [b"/d/a.mp4", b"/e/a.mp4", b"a.mp4", b"a", b"/x/a.webm", b"C:\\videos\\b.avi", b"/d/c.d.mp4", b"/d/c", b"a/"]
    assert [labels.of(each) for each in ids] == [(1,), (2,), (2,), (3,), (3,), (4,), (5,), None, None]


def test_an_empty_field_is_none_of_the_classes(tmp_path):
    labels = read(tmp_path, "id,labels\na,\n")
    assert (labels.of(b"a"), labels.of(b"b")) == ((), None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("id,classes\na,1\n", "line 1: the header must have the columns id (or path) and labels"),
        ("name,labels\na,1\n", "line 1: the header must have the columns id (or path) and labels"),
        ("id,labels\na,1\nb,two\n", "line 3: 'two' among the labels is no class id, a whole number from 0 to"),
        ("id,labels\na,-1\n", "line 2: '-1' among the labels is no class id"),
        ("id,labels\na,99999999999\n", "line 2: '99999999999' among the labels is no class id"),
        ("id,labels\na,1\na,2\n", "line 3: video 'a' comes a second time"),
        ("id,labels\n,1\n", "line 2: id is empty"),
        ("id,labels\na\n", "line 2: the row has 1 of 2 columns"),
        ("id,labels\na,1,2\n", "line 2: the row has more fields"),
    ],
)
def test_what_is_refused(tmp_path, content, reason):
    assert refused(tmp_path, content).startswith(reason)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read as labels of videos \(No such file"):
        read_video_labels(str(tmp_path / "none.csv"))


class TestRecords:
    """Labels in the records do not matter, whatever they are."""

    @pytest.fixture(params=["frame", "video"])
    def path(self, request, tmp_path, random) -> str:
        records = [
            frame_level_record(name, labels, {"audio": random.integers(0, 256, (3, 128), "uint8")})
            if request.param == "frame"
            else video_level_record(name, labels, {"audio": random.normal(size=128)})
            for name, labels in (("a", [9]), ("b", [99999]), ("c", None))
        ]
        return write(tmp_path / "records.tfrecord", *records)

    @pytest.fixture
    def random(self):
        import numpy as np

        return np.random.default_rng(0)

    def test_the_file_counts(self, path, tmp_path):
        read(tmp_path, "id,labels\na,1 2\nb,3\n")
        labels = str(tmp_path / "labels.csv")
        (batch,) = yt8m.read_batches(path, 8, num_classes=10, labels=labels)
        assert [[each for each in row if each >= 0] for row in batch["labels"].tolist()] == [[1, 2], [3], []]
        found = survey([path], labels)
        assert (found.num_unlabelled, found.largest_label, found.unlabelled_files) == (1, 3, [])
        assert survey([path]).largest_label == 99999

    @pytest.mark.parametrize(
        ("content", "options", "reason"),
        [
            ("id,labels\na,10\n", {"num_classes": 10}, "gives video 'a' label 10; the 10 classes go from 0 to 9"),
            ("id,labels\na,1 2 3\n", {"max_labels": 2}, "gives video 'a' 3 labels, more than 2"),
            ("id,labels\nz,1\n", {"labels_for": "training"}, "names none of the records of"),
        ],
    )
    def test_what_is_refused_before_the_work(self, path, tmp_path, content, options, reason):
        read(tmp_path, content)
        with pytest.raises(InputError, match=reason):
            open_source(path, labels=str(tmp_path / "labels.csv"), **options)
