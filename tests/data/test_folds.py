"""Folds that an index names: what is read, and what is refused."""

import dataclasses
import itertools
import os

import numpy as np
import pytest
import tensorflow as tf

from yt8m.data.folds import are_all, membership
from yt8m.data.opening import open_source
from yt8m.data.pipeline import make_dataset
from yt8m.data.records import framed, video_level_record
from yt8m.data.schema import Fold, IndexedFold
from yt8m.data.tools.splitting import split
from yt8m.errors import InputError

MEANS = {"audio": np.zeros(128, np.float32)}
THIRDS = {"a": 0.4, "b": 0.3, "c": 0.3}


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "in.tfrecord"
    path.write_bytes(
        b"".join(framed(video_level_record(f"v{number:02d}", [number % 3], MEANS)) for number in range(20))
    )
    return str(path)


def ids(path, fold, held_out):
    source = dataclasses.replace(open_source(path), fold=Fold.parse(fold), held_out=held_out)
    return [video_id.decode() for batch in make_dataset(source, 8) for video_id in batch["id"].numpy()]


@pytest.mark.thorough
def test_each_video_is_held_out_by_one_fold_of_its_hash(records):
    every, folds = ids(records, "", False), range(4)
    held = [ids(records, f"{fold}/4", held_out=True) for fold in folds]
    assert sorted(itertools.chain(*held)) == every
    for fold in folds:
        assert ids(records, f"{fold}/4", held_out=False) == [name for name in every if name not in held[fold]]


def test_folds_of_a_hash_are_those_of_tensorflows_buckets():
    videos = [f"{number:x}".encode() * (1 + number % 9) for number in range(3000)]
    for count in (2, 5, 9999):
        buckets = tf.strings.to_hash_bucket_fast(videos, count).numpy()
        for index in (0, count - 1):
            for held_out in (True, False):
                keep = membership(Fold(index, count), held_out)
                assert [keep(video) for video in videos] == ((buckets == index) == held_out).tolist()


@pytest.mark.thorough
def test_a_fold_of_an_index_is_the_part_that_the_split_gave(records, tmp_path):
    split([records], THIRDS, str(tmp_path / "index.csv"), "index")
    split([records], THIRDS, str(tmp_path / "shards"))
    of_part = {part: ids(str(tmp_path / "shards" / part), "", False) for part in THIRDS}
    for part, own in of_part.items():
        fold = f"{tmp_path / 'index.csv'}:{part}"
        assert ids(records, fold, held_out=True) == own
        others = sorted(name for other, names in of_part.items() if other != part for name in names)
        assert ids(records, fold, held_out=False) == others


def test_a_video_that_the_index_does_not_name_is_in_neither(records, tmp_path):
    (tmp_path / "index.csv").write_text("id,part\nv01,train\nv02,validate\n")
    fold = f"{tmp_path / 'index.csv'}:validate"
    assert (ids(records, fold, True), ids(records, fold, False)) == (["v02"], ["v01"])
    videos = [b"v01", b"v02", b"v03"]
    for held_out, video in ((True, b"v02"), (False, b"v01")):
        assert [*filter(membership(Fold.parse(fold), held_out), videos)] == [video]


def test_an_index_that_is_written_anew_is_read_anew(records, tmp_path):
    index = tmp_path / "index.csv"
    index.write_text("id,part\nv01,train\nv02,validate\n")
    assert ids(records, f"{index}:validate", True) == ["v02"]
    before = index.stat().st_mtime_ns
    index.write_text("id,part\nv01,train\nv02,validate\nv03,validate\n")
    os.utime(index, ns=(0, before))
    assert ids(records, f"{index}:validate", True) == ["v02", "v03"]


def test_text_is_a_fold_of_either_kind():
    assert Fold.parse("0/5") == Fold(0, 5)
    assert Fold.parse("folds/index.csv:validate") == IndexedFold("folds/index.csv", "validate")
    assert str(Fold.parse("gs://x/index.csv:a")) == "gs://x/index.csv:a"
    for text in ("5/5", "index.csv", "index.csv:", ":a"):
        with pytest.raises(InputError, match=r"or INDEX\.csv:PART for a part that yt8m split made"):
            Fold.parse(text)


@pytest.mark.parametrize(
    ("content", "part", "message"),
    [
        (None, "a", r"index\.csv: cannot be read as an index of videos \(No such file or directory\)"),
        ("video,part\nx,a\n", "a", r"index\.csv, line 1: must begin with the columns id,part; mend the file, or make"),
        ("", "a", r"index\.csv, line 1: must begin with the columns id,part"),
        ("id,part,more\nx,a,b\n", "a", r"index\.csv, line 1: must begin with the columns id,part"),
        ("id,part\nw,a\nx,a,b\n", "a", r"index\.csv, line 3: the row has more fields than the 2 columns of the header"),
        ("id,part\nw,a\nx\n", "a", r"index\.csv, line 3: the row has 1 of 2 columns"),
        ('id,part\n"w\n",a\nx,a\nx,a\n', "a", r"index\.csv, line 5: video 'x' comes a second time"),
        ("id,part\nx,b\ny,c\n", "a", r"index\.csv: names no part 'a'; it has b, c"),
    ],
)
def test_an_index_that_cannot_be_used(records, tmp_path, content, part, message):
    if content is not None:
        (tmp_path / "index.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        ids(records, f"{tmp_path / 'index.csv'}:{part}", True)


def test_which_folds_are_all_of_one_training(tmp_path):
    path = str(tmp_path / "index.csv")
    (tmp_path / "index.csv").write_text("id,part\nx,a\ny,b\nz,c\n")
    a, b, c = (IndexedFold(path, part) for part in "abc")
    assert are_all([b, a, c])
    assert are_all([Fold(1, 2), Fold(0, 2)])
    for folds in (
        [a, b],
        [a, b, b],
        [a, b, None],
        [a, b, c, None],
        [a, Fold(1, 2)],
        [Fold(0, 2), None],
        [Fold(0, 3), Fold(1, 3)],
    ):
        assert not are_all(folds), folds
    assert not are_all([a, dataclasses.replace(b, path="other.csv"), c])
