"""The table and the picture of how well each class is told."""

import csv

import numpy as np
import pytest
from matplotlib.image import imread
from odd_texts import ODD_TEXTS

from yt8m.commands.reports import best_and_worst
from yt8m.data.tables.text import write_table
from yt8m.errors import InputError
from yt8m.metrics import PerClass
from yt8m.scoring import classes
from yt8m.scoring.classes import ClassRow, frame_of, open_class_report, rank_classes

NAMES = {2: "Two", 4: 'Four, "4"', 5: ""}


def segments():
    """Classes 2 and 9 are equally good, class 4 was never rated present."""
    return PerClass(
        class_ids=np.array([2, 4, 5, 9]),
        average_precision=np.array([0.1 + 0.2, np.nan, 2 / 3, 0.1 + 0.2]),
        num_positives=np.array([3, 0, 40, 1]),
        num_negatives=np.array([1, 2, 0, 7]),
    )


def videos(num_classes):
    """Class i has an average precision of i/1000 and i + 1 positives."""
    ids = np.arange(num_classes)
    return PerClass(ids, ids / 1000, ids + 1)


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_best_class_comes_first_then_the_lower_index_and_those_without_a_positive_last():
    assert rank_classes(segments(), NAMES) == [
        ClassRow(5, "Class 5", 2 / 3, 40, 0),
        ClassRow(2, "Two", 0.1 + 0.2, 3, 1),
        ClassRow(9, "Class 9", 0.1 + 0.2, 1, 7),
        ClassRow(4, 'Four, "4"', None, 0, 2),
    ]


def test_the_files_of_a_report(sample, tmp_path):
    directory = tmp_path / "some/where"
    report = open_class_report(directory, None, sample / "3/frame/validate")
    assert list(tmp_path.iterdir()) == [], "the place was only tried"
    rows = report.write(segments())
    assert sorted(path.name for path in directory.iterdir()) == ["classes.csv", "classes.png"]
    assert read(directory / "classes.csv") == [
        ["Index", "Name", "AveragePrecision", "NumPositives", "NumNegatives"],
        ["5", "Class 5", "0.6666666666666666", "40", "0"],  # the sample leaves class 5 without a name
        ["2", "Class 2", "0.30000000000000004", "3", "1"],
        ["9", "Class 9", "0.30000000000000004", "1", "7"],
        ["4", "Class 4", "", "0", "2"],
    ]
    assert [row.class_id for row in rows] == [5, 2, 9, 4]


def test_a_named_vocabulary_comes_before_that_of_the_data_set(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(classes, "plot", lambda rows, path: None)
    (tmp_path / "names.csv").write_text('Index,Name\n2,"Zwei, ""2"""\n')
    open_class_report(tmp_path, tmp_path / "names.csv", sample / "2/frame/train").write(videos(3))
    assert read(tmp_path / "classes.csv")[1:] == [
        ["2", 'Zwei, "2"', "0.002", "3", ""],
        ["1", "Class 1", "0.001", "2", ""],
        ["0", "Class 0", "0.0", "1", ""],
    ]


def test_names_that_look_like_something_else_stay_text(tmp_path, sample, monkeypatch):
    monkeypatch.setattr(classes, "plot", lambda rows, path: None)
    names = [text for text in ODD_TEXTS if text == text.strip()]
    (tmp_path / "names.csv").write_bytes(write_table({"Index": range(len(names)), "Name": names}))
    report = open_class_report(tmp_path, tmp_path / "names.csv", sample / "2/frame/train")
    assert [row.name for row in report.write(videos(len(names)))] == names[::-1]
    assert [row[1] for row in read(tmp_path / "classes.csv")[1:]] == names[::-1]


def test_records_without_a_vocabulary_have_classes_by_number(tmp_path):
    (tmp_path / "x.tfrecord").touch()
    rows = open_class_report(tmp_path, None, [str(tmp_path / "x.tfrecord")]).write(videos(2))
    assert [row.name for row in rows] == ["Class 1", "Class 0"]


@pytest.mark.parametrize(
    "per_class",
    [
        videos(2),
        videos(400),
        segments(),
        PerClass(np.array([3]), np.array([0.25]), np.array([145])),  # between two ticks of a usual log axis
        PerClass(np.array([3, 4]), np.array([0.0, np.nextafter(1, 2)]), np.array([1, 1_000_000])),
    ],
    ids=["few", "many", "segments", "one", "wide"],
)
def test_the_picture_has_two_drawings_and_ticks(per_class, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(classes, "save_figure", lambda figure, path: figures.append(figure))
    classes.plot(rank_classes(per_class, {}), tmp_path / "classes.png")
    spread, against_count = figures[0].axes
    known = ~np.isnan(per_class.average_precision)
    mean = per_class.average_precision[known].mean()
    assert sum(bar.get_height() for bar in spread.patches) == known.sum()
    np.testing.assert_allclose(spread.lines[0].get_xdata(), mean, rtol=1e-12)
    np.testing.assert_allclose(against_count.lines[0].get_ydata(), mean, rtol=1e-12)
    points = np.array(sorted(map(tuple, against_count.collections[0].get_offsets().tolist())))
    expected = zip(per_class.num_positives[known].tolist(), per_class.average_precision[known].tolist(), strict=True)
    np.testing.assert_array_equal(points, sorted(expected))
    assert against_count.get_xscale() == "log"
    low, high = against_count.get_xlim()
    assert any(low <= tick <= high for tick in against_count.get_xticks())
    for axes in (spread, against_count):
        assert axes.get_title(loc="left")
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"mean {mean:.4f}"]


def test_the_picture_is_a_png(tmp_path):
    classes.plot(rank_classes(segments(), {}), tmp_path / "classes.png")
    assert [path.name for path in tmp_path.iterdir()] == ["classes.png"]
    height, width, _ = imread(tmp_path / "classes.png").shape
    assert (height, width) == (1120, 960)


def test_no_directory_is_no_report(sample):
    assert open_class_report(None, None, sample / "2/frame/train") is None
    with pytest.raises(InputError, match="--vocabulary only names the classes of a report; give --classes DIR too"):
        open_class_report(None, sample / "vocabulary.csv", sample / "2/frame/train")


def test_a_place_that_cannot_be_written_is_found_before_the_work(sample, tmp_path):
    data = sample / "2/frame/train"
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: cannot be made \(File exists\); choose another place"):
        open_class_report(tmp_path / "file", None, data)
    (tmp_path / "classes.png").mkdir()
    with pytest.raises(InputError, match=r"classes\.png: this is a directory; name a file in it"):
        open_class_report(tmp_path, None, data)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["classes.png", "file"]


def test_a_broken_vocabulary_leaves_nothing_behind(sample, tmp_path):
    (tmp_path / "names.csv").write_text("Index,Name\n1,A\n1,B\n")
    with pytest.raises(InputError, match=r"names\.csv, line 3: class 1 comes a second time"):
        open_class_report(tmp_path / "classes", tmp_path / "names.csv", sample / "2/frame/train")
    assert [path.name for path in tmp_path.iterdir()] == ["names.csv"]


def test_best_and_worst_of_many():
    lines = best_and_worst(frame_of(rank_classes(videos(60), {7: "Seven"}))).splitlines()
    assert lines == [
        "",
        "best classes       AP  positives",
        *(f"Class {c}       {c / 1000:.4f}  {c + 1:>9}" for c in (59, 58, 57, 56, 55)),
        "",
        "worst classes      AP  positives",
        *(f"Class {c:<2}       {c / 1000:.4f}  {c + 1:>9}" for c in (9, 10, 11, 12, 13)),
        "",
        "of 51 classes with at least 10 positives; 60 have any",
    ]


def test_of_equal_classes_the_most_frequent_come_first():
    counts = [3, 9, 4, 9, 2, 7, 1, 8, 6, 5]
    rows = [
        ClassRow(number, f"Class {number}", 0.1 + 0.2 if number % 2 else 0.3, count, None)
        for number, count in enumerate(counts)
    ]
    per_class = PerClass(
        class_ids=np.arange(10),
        average_precision=np.array([row.average_precision for row in rows]),
        num_positives=np.array(counts),
        num_negatives=None,
    )
    assert [row.class_id for row in rank_classes(per_class, {})] == [1, 3, 7, 5, 8, 9, 2, 0, 4, 6]
    lines = best_and_worst(frame_of(rank_classes(per_class, {})), most=2).splitlines()
    assert [line.split("  ")[0] for line in lines if line.startswith("Class ")] == [
        "Class 1",
        "Class 3",
        "Class 7",
        "Class 5",
    ]


def test_no_class_is_among_the_best_and_the_worst():
    for num_classes, num_worst in ((1, 0), (5, 0), (6, 1), (9, 4), (10, 5), (11, 5)):
        lines = best_and_worst(frame_of(rank_classes(videos(num_classes), {}))).splitlines()
        names = [line.split("  ")[0] for line in lines if line.startswith("Class ")]
        assert len(names) == len(set(names)) == min(num_classes, 5) + num_worst
        assert ("worst classes      AP  positives" in lines) == (num_worst > 0)


def test_best_and_worst_leave_out_classes_without_a_positive_and_make_room_for_long_names():
    lines = best_and_worst(frame_of(rank_classes(segments(), {2: "A name of some length"}))).splitlines()
    assert lines == [
        "",
        "best classes               AP  positives",
        "Class 5                0.6667         40",
        "A name of some length  0.3000          3",
        "Class 9                0.3000          1",
    ]
