"""Predictions in a directory."""

import numpy as np
import pytest
from made_up import segments, videos
from watchers import Counts

from yt8m.errors import InputError
from yt8m.files import NewFile
from yt8m.predicting import Part, PredictionStore, StoredPredictions
from yt8m.predicting.stored import concatenated, is_stored, store

MADE_FROM = {"weights": ["0f"], "files": [["a.tfrecord", 10], ["b.tfrecord", 12]], "frames": [0, "uniform", 300]}


def start(directory, predictions, made_from=MADE_FROM, **options):
    return PredictionStore(directory, predictions.description, made_from, len(predictions.digests), **options)


def makers(predictions, made=None):
    def maker(number):
        def make():
            if made is not None:
                made.append(number)
            return predictions.read(number)

        return make

    return [maker(number) for number in range(len(predictions.digests))]


@pytest.mark.parametrize(
    "predictions", [segments(1), videos(2), videos(3, top_k=2)], ids=["segments", "dense", "top k"]
)
def test_what_is_stored_comes_back(tmp_path, predictions):
    found = store(makers(predictions), start(tmp_path / "stored", predictions))
    again = StoredPredictions(tmp_path / "stored")
    for each in (found, again):
        assert each.description == predictions.description
        assert each.digests == predictions.digests
        assert each.made_from == MADE_FROM
        assert each.num_rows == sum(map(len, predictions.parts()))
        for part, expected in zip(each.parts(), predictions.parts(), strict=True):
            assert part.logits.dtype == np.float16
            for key in ("ids", "logits", "starts", "classes"):
                one, other = getattr(part, key), getattr(expected, key)
                assert (one is None) == (other is None)
                if one is not None:
                    np.testing.assert_array_equal(one, other)


def test_rows_are_read_without_their_logits(tmp_path):
    predictions = segments(1)
    stored = store(makers(predictions), start(tmp_path / "stored", predictions))
    assert [part.names() for part in stored.rows()] == [part.names() for part in predictions.parts()]
    assert {part.logits.size for part in stored.rows()} == {0}


def test_float32_is_kept_on_request(tmp_path):
    predictions = videos(1)
    predictions.description = type(predictions.description)(
        task="video", num_classes=6, classes=tuple(range(6)), precision="float32"
    )
    part = Part(np.array([b"a"]), np.array([[1.0000001, 0, 0, 0, 0, 0]], np.float32))
    into = PredictionStore(tmp_path / "stored", predictions.description, {}, 1)
    into.write(0, part)
    np.testing.assert_array_equal(into.finish().read(0).logits, part.logits)


def test_what_was_stopped_goes_on(tmp_path):
    predictions, made, watcher = segments(4, parts=3), [], Counts()
    into = start(tmp_path / "stored", predictions)
    into.write(1, predictions.read(1))
    assert is_stored(tmp_path / "stored")
    with pytest.raises(InputError, match="is not complete; give the command that makes it again"):
        StoredPredictions(tmp_path / "stored")
    into = start(tmp_path / "stored", predictions)
    assert into.missing() == [0, 2]
    with watcher.working("predicting", "segment"):
        store(makers(predictions, made), into, watcher)
    assert (made, watcher.counts) == ([0, 2], [(len(predictions.read(1)), None)])
    made.clear()
    store(makers(predictions, made), start(tmp_path / "stored", predictions))
    assert made == []


def test_nothing_is_written_before_the_first_part(tmp_path):
    predictions = segments(1)
    into = start(tmp_path / "new" / "stored", predictions)
    assert into.missing() == [0, 1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["", "stored"])
def test_a_full_disk_at_the_first_part_leaves_no_directory_that_was_made_for_it(tmp_path, monkeypatch, there):
    (tmp_path / there).mkdir(exist_ok=True)
    predictions = segments(1)
    into = start(tmp_path / "stored", predictions)
    write = NewFile.write

    def write_small_files(file, content):
        if file.temporary.suffix == ".npz":
            raise file.unwritable(OSError(28, "No space left on device"))
        write(file, content)

    monkeypatch.setattr(NewFile, "write", write_small_files)
    with pytest.raises(InputError, match="No space left on device"):
        store(makers(predictions), into)
    assert [path.name for path in tmp_path.rglob("*")] == [there] * bool(there)


def test_a_part_that_is_there_stays_when_the_next_fails(tmp_path):
    predictions = segments(1)

    def fail():
        raise InputError("a broken record")

    with pytest.raises(InputError, match="a broken record"):
        store([makers(predictions)[0], fail], start(tmp_path / "stored", predictions))
    assert start(tmp_path / "stored", predictions).missing() == [1]


def test_what_is_complete_is_not_written_again(tmp_path, monkeypatch):
    predictions = segments(1)
    store(makers(predictions), start(tmp_path / "stored", predictions))
    monkeypatch.setattr(NewFile, "__enter__", lambda file: pytest.fail("a file is written"))
    assert store(makers(predictions), start(tmp_path / "stored", predictions)).digests == predictions.digests


@pytest.mark.parametrize("place", ["/proc/stored", "/dev/full/stored"])
def test_a_place_that_cannot_be_written_is_found_before_the_work(place):
    with pytest.raises(InputError, match=f"^{place}: cannot be written"):
        start(place, segments())


DIFFERENT = {
    "weights": ({"weights": ["1f"]}, "weights differ"),
    "files": ({"files": []}, "files differ"),
}


@pytest.mark.parametrize(("changes", "reason"), DIFFERENT.values(), ids=DIFFERENT)
def test_other_predictions_are_refused_or_replaced(tmp_path, changes, reason):
    predictions = segments(1)
    store(makers(predictions), start(tmp_path / "stored", predictions))
    with pytest.raises(InputError, match=f"stored: holds predictions of another kind or from elsewhere .{reason}"):
        start(tmp_path / "stored", predictions, MADE_FROM | changes)
    into = start(tmp_path / "stored", predictions, MADE_FROM | changes, replace=True)
    assert into.missing() == [0, 1]
    assert is_stored(tmp_path / "stored"), "until the first part is there to replace it"
    store(makers(predictions), into)
    assert StoredPredictions(tmp_path / "stored").made_from == MADE_FROM | changes


DENSE, TWO, THREE = videos(2), videos(3, top_k=2), videos(3, top_k=3)
A, B = [[{"slope": 1.0}, []]], [[{"slope": 2.0}, []]]
OF_ANOTHER_KIND = {
    "all": (
        DENSE,
        TWO,
        {},
        {},
        "all 6 classes of each video, and the 2 most probable .* for; give --store-top-k 0, or another",
    ),
    "some": (
        TWO,
        DENSE,
        {},
        {},
        "the 2 most probable classes of each video, and all 6 .* for; give --store-top-k 2, or another",
    ),
    "more": (
        THREE,
        TWO,
        {},
        {},
        "the 3 most probable classes .*, and the 2 most .* for; give --store-top-k 3, or another",
    ),
    "a mean": (DENSE, TWO, {}, {"members": []}, "all 6 classes .* are asked for; give another directory$"),
    "segments": (TWO, segments(1), {}, {}, r"predictions of .* \(task is video there, segment here\); give another"),
    "ranked": (
        segments(classes=(1, 2)),
        segments(classes=(1, 3)),
        {},
        {},
        r"predictions of .* \(classes differ\); give",
    ),
    "another": (
        DENSE,
        DENSE,
        {"calibrations": A},
        {"calibrations": B},
        r"predictions .* \(made with another calibration\)",
    ),
    "plain": (DENSE, DENSE, {}, {"calibrations": B}, r"predictions of .* \(made without a calibration\); give another"),
    "calibrated": (
        DENSE,
        DENSE,
        {"calibrations": A},
        {},
        r"predictions of .* \(made with a calibration\); give another",
    ),
    "weights": (
        DENSE,
        DENSE,
        {"calibrations": A},
        {"calibrations": B, "weights": []},
        r"predictions .* \(weights differ\)",
    ),
    "members": (
        DENSE,
        DENSE,
        {"members": [[{"k": 1}]]},
        {"members": [[{"k": 2}]]},
        r"predictions .* \(members differ\)",
    ),
}


@pytest.mark.parametrize(
    ("held", "wanted", "of_held", "of_wanted", "reason"), OF_ANOTHER_KIND.values(), ids=OF_ANOTHER_KIND
)
def test_what_is_held_is_said_in_words(held, wanted, of_held, of_wanted, reason, tmp_path):
    store(makers(held), start(tmp_path / "stored", held, MADE_FROM | of_held))
    with pytest.raises(InputError, match=rf"^{tmp_path}/stored: holds {reason}") as caught:
        start(tmp_path / "stored", wanted, MADE_FROM | of_wanted)
    assert not set("[]{}") & set(str(caught.value).removeprefix(str(tmp_path)))


def test_another_task_is_named(tmp_path):
    store(makers(segments()), start(tmp_path / "stored", segments()))
    with pytest.raises(InputError, match="task is segment there, video here"):
        start(tmp_path / "stored", videos())


def test_a_directory_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="holds other things"):
        start(tmp_path, segments())
    with pytest.raises(InputError, match="holds no stored predictions"):
        StoredPredictions(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_directory_must_be_local(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="gs://bucket/stored: the directory must be on a local disk"):
        start("gs://bucket/stored", segments())
    assert list(tmp_path.iterdir()) == []


def test_a_score_that_is_no_number_is_named_and_not_written(tmp_path):
    predictions = segments(classes=(1, 4, 2))
    part = predictions.read(0)
    part.logits[1, 2] = np.nan
    into = start(tmp_path / "stored", predictions)
    with pytest.raises(InputError, match=r"segment 'abcd:5' \(row 1\): the score of class 2 is nan"):
        into.write(0, part)
    assert into.missing() == [0, 1]


def test_scores_beyond_float16_stay_finite(tmp_path):
    predictions = videos(parts=1)
    part = predictions.read(0)
    into = start(tmp_path / "stored", predictions)
    into.write(0, Part(part.ids, np.full(part.logits.shape, 1e6, np.float32)))
    assert (into.finish().read(0).logits == 60_000).all()


def test_a_damaged_part_is_named(tmp_path):
    predictions = segments(1)
    stored = store(makers(predictions), start(tmp_path / "stored", predictions))
    path = tmp_path / "stored" / "parts" / "00001.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"00001.npz: cannot be read .*; remove it and make the predictions again"):
        list(stored.parts())


def test_another_version_of_the_format_is_refused(tmp_path):
    predictions = segments(1)
    store(makers(predictions), start(tmp_path / "stored", predictions))
    path = tmp_path / "stored" / "predictions.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(InputError, match="is of format 2, this version reads 1"):
        StoredPredictions(tmp_path / "stored")


def test_parts_one_after_the_other():
    first, second = segments(1).read(0), segments(1, videos=("x" * 9,), counts=(2,), parts=1).read(0)
    both = concatenated([first, Part(np.array([b"x" * 9] * 2), second.logits, second.starts)])
    assert both.names() == [*first.names(), "xxxxxxxxx:0", "xxxxxxxxx:5"]
    np.testing.assert_array_equal(both.logits, np.concatenate([first.logits, second.logits]))
    assert both.classes is None
