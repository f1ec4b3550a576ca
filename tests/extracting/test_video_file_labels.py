"""Labels of video files from a table: by path, by name, by id; as numbers or names."""

import re

import pytest

from yt8m.data.tables.vocabulary import read_class_names
from yt8m.errors import InputError
from yt8m.extracting.labels import labels_for, read_labels, refuse_unreadable
from yt8m.progress import SILENT, Messages

VIDEOS = {"cats_1": "/v/cats/1.mp4", "dogs_1": "/v/dogs/1.mp4", "holiday": "/v/holiday.mkv"}
NAMES = {0: "Cat", 1: "Rock, Paper, Scissors", 5: "Dog", 6: ""}


def labels_of(tmp_path, text, vocabulary=None, may_add=True, videos=VIDEOS):
    (tmp_path / "labels.csv").write_text(text)
    labels = read_labels(str(tmp_path / "labels.csv"), vocabulary or {}, may_add)
    return dict(zip(videos, labels.of([(path, each) for each, path in videos.items()]), strict=True)), labels.names


@pytest.mark.parametrize(
    "rows",
    [
        "path,labels\n/v/cats/1.mp4,3 1\n/v/dogs/1.mp4,2\n",
        "path,labels\ncats/1.mp4,1;3\nv/dogs/1,2\n",
        'path,labels\n./cats/1,"3, 1, 3"\ndogs//1.mp4,2\n',
        "id,labels\ncats_1,1|3\ndogs_1,2\n",
        "more,labels,path\nx,1 3,cats/1.mp4\ny,2,dogs/1.mp4\n",
    ],
)
def test_ways_to_name_a_video(tmp_path, rows):
    assert labels_of(tmp_path, rows) == ({"cats_1": (1, 3), "dogs_1": (2,), "holiday": None}, {})


def test_a_path_from_above_the_table_counts_from_there(tmp_path):
    (tmp_path / "tables").mkdir()
    videos = {"a": str(tmp_path / "videos" / "a.mp4")}
    assert labels_of(tmp_path / "tables", "path,labels\n../videos/a.mp4,4\n", videos=videos)[0] == {"a": (4,)}


def test_the_row_with_most_of_the_path_counts(tmp_path):
    text = "path,labels\n1.mp4,7\ncats/1.mp4,1\nholiday,\n"
    videos = {each: path for each, path in VIDEOS.items() if each != "dogs_1"}
    assert labels_of(tmp_path, text, videos=videos)[0] == {"cats_1": (1,), "holiday": ()}


def test_a_row_that_names_two_videos_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"'1\.mp4' is the name of two videos, /v/cats/1\.mp4 and /v/dogs/1\.mp4"):
        labels_of(tmp_path, "path,labels\n1.mp4,7\n")


def test_names_become_classes_in_alphabetical_order(tmp_path):
    text = 'path,labels\ncats/1.mp4,furry animal; cat\ndogs/1.mp4,"dog, cat"\nholiday,dog|sea\n'
    labels, names = labels_of(tmp_path, text)
    assert names == {0: "cat", 1: "dog", 2: "furry animal", 3: "sea"}
    assert labels == {"cats_1": (0, 2), "dogs_1": (0, 1), "holiday": (1, 3)}


def test_names_that_are_known_keep_their_numbers_and_new_ones_follow(tmp_path):
    labels, names = labels_of(tmp_path, "path,labels\nholiday,Sea;Dog;Alps\n", {0: "Cat", 5: "Dog"})
    assert names == {0: "Cat", 5: "Dog", 6: "Alps", 7: "Sea"}
    assert labels["holiday"] == (5, 6, 7)


def test_a_name_of_the_vocabulary_may_have_commas(tmp_path):
    text = 'path,labels\nholiday,"Rock, Paper, Scissors;Dog"\ncats/1.mp4,"Cat,Dog"\n'
    assert labels_of(tmp_path, text, NAMES, may_add=False)[0] == {"cats_1": (0, 5), "dogs_1": None, "holiday": (1, 5)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,label\na,1\n", r"line 1: the header must have the columns path \(or id\) and labels"),
        ("path,labels\na,1\n./a,2\n", "line 3: video './a' comes a second time"),
        ("path,labels\n,1\n", "line 2: the path is empty"),
        ("path,labels\na\n", "line 2: the row has 1 of 2 columns"),
        ("path,labels\na,Cat;Kat\n", "line 2: unknown class 'Kat'; did you mean Cat"),
        ("path,labels\na,9999999999\n", "line 2: a class is above"),
        ("path,labels\na,-1\n", "line 2: unknown class '-1'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        labels_of(tmp_path, text, NAMES, may_add=False)


@pytest.mark.parametrize("wrong", ["-1", "1.5", "99999999999", "2;-3", "1 2 x3", "9 ten"])
def test_a_wrong_number_makes_no_names_of_the_others(tmp_path, wrong):
    """Otherwise class 7 would become class 1 or 2, by the alphabet."""
    named = re.split("[ ;]", wrong)[-1]
    with pytest.raises(
        InputError, match=f"line 3: '{named}' is no class id, a whole number up to 2147483646, and most"
    ):
        labels_of(tmp_path, f"path,labels\ncats/1.mp4,7\ndogs/1.mp4,{wrong}\n")


def test_a_wrong_number_is_named_where_classes_have_names(tmp_path):
    """The message used to be about the first row, which is right."""
    text = "path,labels\nholiday,0 5\ncats/1.mp4,1\ndogs/1.mp4,o\n"
    with pytest.raises(InputError, match="line 4: 'o' is no class id"):
        labels_of(tmp_path, text, NAMES, may_add=False)


def test_names_that_are_numbers_are_those_of_the_vocabulary(tmp_path):
    text = "path,labels\nholiday,747\ncats/1.mp4,747;A-10\ndogs/1.mp4,747\n"
    assert labels_of(tmp_path, text, {2: "747", 4: "A-10"}, may_add=False)[0] == {
        "cats_1": (2, 4),
        "dogs_1": (2,),
        "holiday": (2,),
    }


def test_names_may_have_digits(tmp_path):
    classes, names = labels_of(tmp_path, "path,labels\ncats/1.mp4,Boeing;747\ndogs/1.mp4,A-10\n")
    assert (classes["cats_1"], names) == ((0, 2), {0: "747", 1: "A-10", 2: "Boeing"})


def test_a_long_row_of_digits_is_read_at_once(tmp_path):
    with pytest.raises(InputError, match="unknown class"):
        labels_of(tmp_path, f"path,labels\na,{'1' * 5000}x\n", NAMES, may_add=False)


def asked(tmp_path, text, vocabulary=None, videos=VIDEOS, progress=SILENT):
    (tmp_path / "labels.csv").write_text(text)
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    return labels_for(str(tmp_path / "labels.csv"), vocabulary, out, videos, progress)


def test_the_vocabulary_is_that_of_the_flag_of_the_directory_or_beside_the_labels(tmp_path):
    text = "path,labels\nholiday,b\n"
    assert asked(tmp_path, text) == ({"cats_1": None, "dogs_1": None, "holiday": (0,)}, b"Index,Name\n0,b\n")
    (tmp_path / "vocabulary.csv").write_text("Index,Name,WikiUrl\n3,b,x\n")
    labels, content = asked(tmp_path, text)
    assert (labels["holiday"], content) == ((3,), b"Index,Name,WikiUrl\n3,b,x\n")
    (tmp_path / "out" / "vocabulary.csv").write_text("Index,Name\n4,a\n")
    labels, content = asked(tmp_path, text)
    assert (labels["holiday"], content) == ((5,), b"Index,Name\n4,a\n5,b\n")
    (tmp_path / "given.csv").write_text("Index,Name\n7,b\n")
    labels, content = asked(tmp_path, text, str(tmp_path / "given.csv"))
    assert (labels["holiday"], content) == ((7,), b"Index,Name\n7,b\n")


def test_numbers_without_names_need_no_vocabulary(tmp_path):
    assert asked(tmp_path, "path,labels\nholiday,4 2\n")[1] is None


def test_a_written_vocabulary_is_read_back(tmp_path):
    _, content = asked(tmp_path, 'path,labels\nholiday,"say ""hi"""\ncats/1,two words\n')
    (tmp_path / "made.csv").write_bytes(content)
    assert read_class_names(tmp_path / "made.csv") == {0: 'say "hi"', 1: "two words"}


def test_what_is_left_over_is_told(tmp_path):
    messages = Messages()
    asked(tmp_path, "path,labels\nholiday,1\nbirthday.mp4,2\n", progress=messages)
    assert messages.lines == [
        f"{tmp_path}/labels.csv: does not name 2 videos, such as /v/cats/1.mp4; records without labels",
        f"{tmp_path}/labels.csv: rows that name no video here: 1, such as 'birthday.mp4'",
    ]


def test_a_vocabulary_without_labels_is_refused(tmp_path):
    with pytest.raises(InputError, match="--vocabulary names the classes of --labels"):
        refuse_unreadable(None, "vocabulary.csv")
