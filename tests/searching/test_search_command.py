"""`yt8m search`: what is found by likeness and by words, and what users get wrong."""

import json

import numpy as np
import pytest
from searching_records import frame_record, video_record

from yt8m.download.address_cache import AddressCache
from yt8m.predicting.parts import Description, Part
from yt8m.predicting.stored import PredictionStore

LETTERS = {"abcd": "AAAAABBBBBCCCCC", "efgh": "CCCCCDDDDD", "ijkl": "EEEEEFFFFF"}
"""What is to be seen in each second of some videos."""


@pytest.fixture
def frames(search, records):
    """An index of three videos with moments of 5 seconds."""
    labels = {"abcd": [0, 1], "efgh": [2], "ijkl": None}
    path = records("frames", *(frame_record(video, letters, labels[video]) for video, letters in LETTERS.items()))
    status, added, err = search("--add", path)
    assert (status, err) == (0, "")
    assert (added["added"], added["videos"], added["moments"]) == (3, 3, 7)
    return path


def ids(found) -> list[str]:
    return [each["id"] for each in found["results"]]


def test_a_moment_finds_the_one_with_the_same_look_first(search, frames):
    status, found, _ = search("--like", "efgh@3")
    assert status == 0
    best, *others = found["results"]
    assert (best["id"], best["start"], best["end"]) == ("abcd", 10.0, 15.0)
    assert best["score"] == pytest.approx(1.0, abs=1e-6)
    assert len(others) == 5
    assert all(each["score"] < 0.9 for each in others)
    assert [each["score"] for each in others] == sorted((each["score"] for each in others), reverse=True)
    assert ("efgh", 0.0) not in {(each["id"], each["start"]) for each in found["results"]}


def test_whole_videos_and_moments_may_be_asked_for(search, frames):
    assert ids(search("--like", "abcd")[1])[0] == "efgh"
    assert {*ids(search("--like", "abcd", "--of", "moments")[1])} == {"abcd", "efgh", "ijkl"}
    assert {*ids(search("--like", "abcd@0", "--elsewhere")[1])} == {"efgh", "ijkl"}
    assert ids(search("--like", "abcd@12", "--of", "videos", "--top", 1)[1]) == ["efgh"]


def test_likeness_is_the_cosine(search, records):
    search(
        "--add", records("a", *(video_record(f"v{angle}", [np.cos(angle), np.sin(angle)]) for angle in (0, 1, 2, 3)))
    )
    found = search("--like", "v0")[1]["results"]
    assert [each["id"] for each in found] == ["v1", "v2", "v3"]
    np.testing.assert_allclose([each["score"] for each in found], np.cos([1, 2, 3]), atol=1e-6)
    assert [(each["start"], each["end"]) for each in found] == [(0.0, None)] * 3


def test_words_are_found_in_names_and_descriptions(search, frames):
    status, found, _ = search("--text", "concert guitar")
    assert (status, found["words"], found["of"]) == (0, ["concert", "guitar"], "videos")
    assert ids(found) == ["abcd", "efgh"]  # the first has both words, the other one
    assert found["results"][0]["score"] > 2 * found["results"][1]["score"]
    assert found["results"][0]["labels"] == [{"name": "Concert", "weight": 1.0}, {"name": "Guitar", "weight": 1.0}]
    assert ids(search("--text", "AUDIENCES")[1]) == ["abcd"]
    status, found, err = search("--text", "the guitars of zzzzz")
    assert (ids(found), found["unknown_words"]) == (["abcd", "efgh"], ["zzzzz"])
    assert "no class has 'zzzzz'" in err


def test_the_text_for_people(search, frames, tmp_path):
    with AddressCache(tmp_path / "cache" / "yt8m") as cache:
        cache.add("abcd", "dQw4w9WgXcQ")
    _, out, _ = search("--like", "efgh@0", "--top", 2, json_too=False)
    assert out.splitlines()[0] == (
        "1.0000  abcd  0:10-0:15  Concert, Guitar  https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=10s"
    )
    _, out, _ = search("--text", "guitar", json_too=False)
    assert [line.split("  ")[1:4] for line in out.splitlines()] == [
        ["abcd", "0:15", "Concert, Guitar"],
        ["efgh", "0:10", "Electric guitar"],
    ]
    _, out, _ = search("--add", frames, json_too=False)
    assert out == f"{tmp_path / 'index'}: 3 replaced; it has 3 videos and 7 moments\n"


def test_predictions_take_the_place_of_labels(search, frames, tmp_path):
    description = Description(task="video", num_classes=8, classes=None, top_k=2)
    store = PredictionStore(tmp_path / "stored", description, {}, 1)
    logits = np.array([[np.log(9.0), -9.0], [0.0, -9.0]])
    store.write(0, Part(np.array([b"ijkl", b"abcd"]), logits, classes=np.array([[3, 0], [3, 1]])))
    store.finish()
    search("--add", frames, "--predictions", tmp_path / "stored")
    found = search("--text", "races")[1]["results"]
    assert [each["id"] for each in found] == ["ijkl", "abcd"]
    assert found[0]["labels"] == [{"name": "Racing", "weight": pytest.approx(0.9, abs=1e-3)}]
    assert ids(search("--text", "concert")[1]) == []
    assert ids(search("--text", "electric")[1]) == ["efgh"]  # has no prediction, so its own label


def test_predicted_segments_are_moments_for_words(search, frames, tmp_path):
    description = Description(task="segment", num_classes=8, classes=(0, 3))
    store = PredictionStore(tmp_path / "stored", description, {}, 1)
    logits = np.array([[-9.0, 3.0], [2.0, -9.0], [1.0, -9.0]])
    store.write(0, Part(np.array([b"abcd", b"abcd", b"efgh"]), logits, starts=np.array([0, 10, 5])))
    store.finish()
    search("--add", frames, "--predictions", tmp_path / "stored")
    found = search("--text", "concerts", "--of", "moments")[1]["results"]
    assert [(each["id"], each["start"]) for each in found] == [("abcd", 10.0), ("efgh", 5.0)]
    assert found[0]["score"] == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-3)


def test_videos_of_other_records_may_be_asked_for(search, frames, records):
    other = records("other", frame_record("else", "GGGGGDDDDDHH"), frame_record("a@5", "BBBBB"))
    best = search("--like", "else@6", "--data", other)[1]["results"][0]
    assert (best["id"], best["start"]) == ("efgh", 5.0)
    assert ids(search("--like", "a@5", "--data", other, "--of", "moments")[1])[0] == "abcd"
    status, _, err = search("--like", "none", "--data", other)
    assert (status, err.count("\n")) == (2, 1)
    assert "no record of" in err
    assert "goes from 0 to 12" in search("--like", "else@12", "--data", other)[2]


def test_odd_ids_are_found(search, records):
    odd = ["a,b", 'say "x"', "with space", "é", "a@5", "line\nend", "-dash", ""]
    looks = "ABCDEFGH"
    path = records("odd", *(frame_record(name or "x", look * 10) for name, look in zip(odd, looks, strict=True)))
    search("--add", path)
    for name in odd[:-1]:
        status, found, err = search(f"--like={name}")
        assert status == 0, err
        assert sorted([*ids(found), name]) == sorted([*odd[:-1], "x"])
    assert search("--like", "a@5@7")[1]["of"] == "moments"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ([], "say what to find"),
        (["--like", "abcd", "--text", "guitar"], "not both"),
        (["--like", "abce"], "abce: is none of the 3 videos in"),
        (["--like", "abce"], "near are abcd"),
        (["--like", "ABCD@4"], "near are abcd"),
        (["--like", "abcd@15"], "second 15 of abcd, which goes from 0 to 15"),
        (["--like", "abcd@-1"], "second -1 of abcd"),
        (["--like", "abcd@nan"], "second nan of abcd"),
        (["--text", "guitr"], "no class of"),
        (["--text", "guitr"], "near are Guitar"),
        (["--text", " ?! "], "which has no word"),
        (["--text", "guitar", "--of", "moments"], "moments have no labels"),
        (["--text", "guitar", "--window", "3"], "--window only says something with --add"),
        (["--text", "guitar", "--elsewhere"], "--elsewhere only says something with --like"),
        (["--add"], "--add is followed by nothing"),
        (["--add", "nowhere"], "nowhere"),
        (["--like", "abcd", "--top", "0"], "--top is 0"),
    ],
)
def test_what_cannot_be_asked_is_one_line(search, frames, flags, problem):
    status, out, err = search(*flags)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert problem in err


def test_an_index_without_labels_or_names_says_so(search, records, tmp_path):
    path = records("a", video_record("a", [1.0]))
    search("--add", path)
    assert "have no labels" in search("--text", "guitar")[2]
    other = tmp_path / "elsewhere.tfrecord"
    other.write_bytes(video_record("a", [1.0], [1]))
    index = tmp_path / "second"
    search("--add", other, index=index)
    assert "knows no names of classes" in search("--text", "guitar", index=index)[2]
    assert "holds nothing" not in search("--like", "a", index=index)[2]


def test_nothing_is_like_a_video_of_zeros(search, records):
    search("--add", records("a", video_record("zero", []), video_record("one", [1.0])))
    assert "nothing but zeros" in search("--like", "zero")[2]
    assert search("--like", "one")[1]["results"][0]["score"] == 0.0


def test_video_level_records_have_no_moments(search, records):
    search("--add", records("a", video_record("a", [1.0]), video_record("b", [1.0, 1.0])))
    assert "has no moments; leave out @3" in search("--like", "a@3")[2]
    assert "has no moments" in search("--like", "a", "--of", "moments")[2]


def test_no_slow_library_is_loaded_to_answer(frames, tmp_path, search):
    import subprocess
    import sys

    program = (
        "import sys, json; from yt8m.searching.asking import search;"
        "search(sys.argv[1], 'abcd'); search(sys.argv[1], text='guitar');"
        "print(json.dumps(sorted({'tensorflow', 'keras', 'pandas', 'sklearn', 'av', 'faiss'} & {*sys.modules})))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "index"], capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout) == []
