"""The names of classes, and where the file that holds them is found."""

import pytest
from odd_texts import ODD_TEXTS

from yt8m.data.tables.text import write_table
from yt8m.data.tables.vocabulary import (
    class_name,
    count_classes,
    find_at_root,
    find_segment_classes,
    find_vocabulary,
    read_class_descriptions,
    read_class_names,
    read_segment_class_ids,
)
from yt8m.errors import InputError

HEADER = "Index,TrainVideoCount,KnowledgeGraphId,Name,WikiUrl,Vertical1,Vertical2,Vertical3,WikiDescription\n"
MEND = "; mend the file, or name another with --vocabulary"


def written(tmp_path, content):
    path = tmp_path / "vocabulary.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_names_by_index_whatever_the_row(tmp_path):
    content = (
        HEADER
        + '7,12,/m/1,Game,https://e.org,Games,,,"A ""game"", of two\nlines, and a comma"\n'
        + "0,9,/m/2,,https://e.org,Games,,,\n\n"
        + '3,1,/m/3,"Mot\u00f6rhead,  the\nband",https://e.org,Music,,,x\n'
    )
    names = read_class_names(written(tmp_path, content))
    assert names == {7: "Game", 0: "", 3: "Mot\u00f6rhead, the band"}
    assert [class_name(class_id, names) for class_id in (7, 0, 17)] == ["Game", "Class 0", "Class 17"]


def test_descriptions_are_read_where_there_are_any(tmp_path):
    path = tmp_path / "vocabulary.csv"
    path.write_text('Index,Name,WikiDescription\n7,Guitar,"Six ""strings"",\nsay"\n3,Bus,\n')
    assert read_class_descriptions(path) == {7: 'Six "strings", say', 3: ""}
    path.write_text("Index,Name\n7,Guitar\n")
    assert read_class_descriptions(path) == {}
    path.write_text("Index,Name,WikiDescription\n7,Guitar\n")
    with pytest.raises(InputError, match="line 2"):
        read_class_descriptions(path)


def test_names_that_look_like_something_else_stay_text(tmp_path):
    names = [text for text in ODD_TEXTS if text == " ".join(text.split())]
    content = write_table({"Index": range(len(names)), "Name": names}) + b"0099,trailing\n"
    assert read_class_names(written(tmp_path, content)) == {**dict(enumerate(names)), 99: "trailing"}


def test_other_columns_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path):
    assert read_class_names(written(tmp_path, b"\xef\xbb\xbfName,Index\r\nGame,2\r\n")) == {2: "Game"}


def test_the_sample_names_its_classes(sample):
    names = read_class_names(sample / "vocabulary.csv")
    assert names == {index: "" if index == 5 else f"Class {index}" for index in range(12)}


TWO_LINES = '1,0,,A,,,,,"two\nlines"\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the header has no column 'Index'"),
        ("Index\n0\n1\n", "line 1: the header has no column 'Name'"),
        ("index,Name\n0,A\n", "line 1: the header has no column 'Index'"),
        (HEADER + TWO_LINES + "2,0\n", "line 4: the row has 2 of 9 columns"),
        (HEADER + TWO_LINES + "two,0,,B,,,,,\n", "line 4: the Index is 'two' and no class, a whole number from 0 on"),
        ("Index,Name\n-1,A\n", "line 2: the Index is '-1' and no class"),
        ("Index,Name\n1.0,A\n", "line 2: the Index is '1.0' and no class"),
        ("Index,Name\n,A\n", "line 2: the Index is '' and no class"),
        (f"Index,Name\n{'9' * 5000},A\n", f"line 2: the Index is '{'9' * 40}' and no class"),
        (HEADER + TWO_LINES + "0,0,,B,,,,,\n1,0,,C,,,,,\n", "line 5: class 1 comes a second time"),
        (b"Index,Name\n0,A\n1,\xff\n", "line 3: this is not UTF-8 text"),
        (f'Index,Name\n0,"{"A" * 200_000}\n', "line 2: no row of a CSV file begins here (field larger than"),
    ],
)
def test_a_broken_file_is_one_line_that_says_where(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(InputError) as raised:
        read_class_names(path)
    text = str(raised.value)
    assert text.startswith(f"{path}, {message}")
    assert text.endswith(MEND)
    assert "\n" not in text


def test_a_file_that_cannot_be_read(tmp_path):
    for path, reason in ((tmp_path / "none.csv", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError) as raised:
            read_class_names(path)
        assert str(raised.value) == f"{path}: cannot be read ({reason}); name a vocabulary.csv"


def test_the_nearest_file_above_the_records_is_found(tmp_path):
    split = tmp_path / "root/2/frame/train"
    split.mkdir(parents=True)
    record = split / "train0000.tfrecord"
    (tmp_path / "names.csv").touch()  # five directories up: beyond the root
    (split / "names.csv").mkdir()  # not a file
    assert find_at_root(record, "names.csv") is None
    (tmp_path / "root/names.csv").touch()
    assert find_at_root(record, "names.csv") == (tmp_path / "root/names.csv").resolve()
    (tmp_path / "root/2/names.csv").touch()
    assert find_at_root(record, "names.csv") == (tmp_path / "root/2/names.csv").resolve()


def test_nothing_is_found_for_records_that_are_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.csv").touch()
    assert find_at_root("train.tfrecord", "names.csv") == (tmp_path / "names.csv").resolve()
    assert find_at_root("gs://bucket/train.tfrecord", "names.csv") is None


def test_the_starter_code_s_list_of_names(tmp_path):
    path = tmp_path / "label_names.csv"
    path.write_text("label_id,label_name\n1,Second\n0,First\n")
    assert read_class_names(path) == {0: "First", 1: "Second"}
    (tmp_path / "2").mkdir()
    record = tmp_path / "2" / "a.tfrecord"
    assert find_vocabulary(record) == path
    (tmp_path / "vocabulary.csv").write_text("Index,Name\n0,a\n")
    assert find_vocabulary(record) == tmp_path / "vocabulary.csv", "the data set's own comes first"
    path.write_text("label_id,name\n0,a\n")
    with pytest.raises(InputError, match=r"label_names\.csv, line 1: the header has no column 'label_name'"):
        read_class_names(path)


def test_the_list_of_audioset(tmp_path):
    """The first, a quoted and the last row of the file, in another order."""
    path = tmp_path / "class_labels_indices.csv"
    rows = ('526,/m/07hvw1,"Field recording"', '0,/m/09x0r,"Speech"', '1,/m/05zppz,"Male speech, man speaking"')
    path.write_text("\n".join(["index,mid,display_name", *rows]) + "\n")
    assert read_class_names(path) == {526: "Field recording", 0: "Speech", 1: "Male speech, man speaking"}
    assert read_class_descriptions(path) == {}
    assert count_classes(path) is None
    assert find_vocabulary(tmp_path / "a.tfrecord") == path
    path.write_text("index,mid\n0,/m/09x0r\n")
    with pytest.raises(InputError, match=r"class_labels_indices\.csv, line 1: the header has no column 'display_name'"):
        read_class_names(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_label_map_of_mediapipe(tmp_path, end):
    """Lines 0, 2, 45 and 118 of the graph's file are like these: names, one in brackets, and one that is not known."""
    path = tmp_path / "label_map.txt"
    path.write_bytes((end or "\n").join(["Game", "Pokémon", "???", "Dish (food)"]).encode() + end.encode())
    assert read_class_names(path) == {0: "Game", 1: "Pokémon", 2: "", 3: "Dish (food)"}
    assert read_class_descriptions(path) == {}
    assert count_classes(path) == 4
    assert find_vocabulary(tmp_path / "a.tfrecord") == path


def test_a_text_file_is_a_table_if_it_begins_so(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("Index,Name\n7,Dog\n")
    assert read_class_names(path) == {7: "Dog"}
    path.write_bytes(b"Game\n\xff\n")
    with pytest.raises(InputError, match=r"names\.txt, line 2: this is not UTF-8 text"):
        read_class_names(path)
    with pytest.raises(InputError, match=r"other\.txt: cannot be read"):
        read_class_names(tmp_path / "other.txt")


@pytest.mark.parametrize(
    ("rows", "count"), [("0,a\n1,\n", 2), ("1,b\n0,a\n", 2), ("0,a\n2,c\n", None), ("1,a\n", None), ("", None)]
)
def test_a_vocabulary_says_how_many_classes_there_are_if_it_lists_all(tmp_path, rows, count):
    (tmp_path / "vocabulary.csv").write_text(f"Index,Name\n{rows}")
    assert count_classes(tmp_path / "vocabulary.csv") == count


def test_the_list_of_segment_classes(tmp_path):
    path = tmp_path / "segment_label_ids.csv"
    path.write_text("Index\n7\n3\n1831\n\n")
    assert read_segment_class_ids(path) == [7, 3, 1831]
    path.write_text(HEADER + TWO_LINES + "7,9,/m/1,Game,,,,,\n")
    assert read_segment_class_ids(path) == [1, 7]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Index\n3\nx\n", "line 3: the Index is 'x' and no class"),
        ("3\n7\n", "line 1: the header has no column 'Index'"),  # whose first class was lost
        ("Index\n3\n7\n3\n", "line 4: class 3 comes a second time"),
        (HEADER + TWO_LINES + "1,,,,,,,,\n", "line 4: class 1 comes a second time"),
        ("Index\n", "no classes below the header"),
        (None, r"cannot be read \(No such file or directory\); name a segment_label_ids.csv"),
    ],
)
def test_a_list_of_segment_classes_that_cannot_be_used(tmp_path, content, message):
    path = tmp_path / "list.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=rf"list\.csv(, |: ){message}") as caught:
        read_segment_class_ids(path)
    assert "--segment-classes" in str(caught.value) or content is None


def test_the_list_at_the_root(tmp_path):
    record = tmp_path / "3" / "frame" / "test" / "a.tfrecord"
    record.parent.mkdir(parents=True)
    assert find_segment_classes(record, 10) is None
    vocabulary = tmp_path / "vocabulary.csv"
    vocabulary.write_text("Index,Name\n" + "".join(f"{index},A\n" for index in range(9)))
    assert find_segment_classes(record, 9) is None  # all classes
    assert find_segment_classes(record, 10) is None  # all of a smaller vocabulary than the model's
    vocabulary.write_text("Index,Name\n3,A\n7,B\n")
    assert find_segment_classes(record, 10) == vocabulary
    vocabulary.write_text("Index,Name\n3,A\n3,B\n")
    assert find_segment_classes(record, 10) is None
    (tmp_path / "segment_label_ids.csv").write_text("Index\n4\n")
    assert find_segment_classes(record, 10) == tmp_path / "segment_label_ids.csv"
    assert find_segment_classes("gs://bucket/3/a.tfrecord", 10) is None


def test_the_data_sets_own_lists_of_segment_classes(real_data):
    classes = read_segment_class_ids(real_data / "lists" / "segment_label_ids.csv")
    assert (len(classes), min(classes), max(classes)) == (1000, 3, 1831)
