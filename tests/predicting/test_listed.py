"""Submissions as members of ensembles, against the rules worked by hand and against slow means, entry by entry."""

import numpy as np
import pytest
from made_up import segments, sigmoid, stored_at, together, videos

from yt8m.errors import InputError
from yt8m.predicting.combining import Ensemble
from yt8m.predicting.listed import describe_lists
from yt8m.predicting.listed_segments import SegmentList, rows_of_segments
from yt8m.predicting.listed_videos import VideoList, rows_of_videos
from yt8m.predicting.submitting import write_submission
from yt8m.progress import SILENT, Messages
from yt8m.submission import read_segment_submission, read_video_submission

MEANS = ("arithmetic", "geometric", "rank")


def video_file(path, *rows) -> str:
    path.write_text("\n".join(["VideoId,LabelConfidencePairs", *rows]) + "\n")
    return str(path)


def segment_file(path, *rows) -> str:
    path.write_text("\n".join(["Class,Segments", *rows]) + "\n")
    return str(path)


def video_lists(tmp_path, *files, ranked=False) -> list[VideoList]:
    return [VideoList(video_file(tmp_path / f"{place}.csv", *rows), ranked) for place, rows in enumerate(files)]


def segment_lists(tmp_path, *files) -> list[SegmentList]:
    return [SegmentList(segment_file(tmp_path / f"{place}.csv", *rows)) for place, rows in enumerate(files)]


def aligned(lists, rows=None, progress=SILENT):
    """The lists as members beside other predictions, or alone."""
    describe_lists([*([rows] if rows else []), *lists])
    if rows is None:
        rows = (rows_of_videos if isinstance(lists[0], VideoList) else rows_of_segments)(lists)
    return [each.aligned(rows, progress) for each in lists]


def scores(mean, class_ids) -> dict[str, np.ndarray]:
    """Probabilities of some classes, by row."""
    found = {}
    for part in mean.parts():
        dense = sigmoid(part.dense(mean.description, np.array(class_ids)))
        found |= dict(zip(part.names(), dense, strict=True))
    return found


FIRST, SECOND = ("abcd,1 0.8 2 0.4", "efgh,3 0.5"), ("abcd,2 0.6 3 0.2",)


def test_what_lists_of_videos_do_not_name_is_taken_as_documented(tmp_path):
    members = aligned(video_lists(tmp_path, FIRST, SECOND))
    first = scores(Ensemble(members[:1], "arithmetic"), [1, 2, 3, 0])
    # The first row is as long as the longest, so cut off at .4; the second is shorter, and .4 is the list's least score.
    np.testing.assert_allclose(first["abcd"], [0.8, 0.4, 0.2, 0.2], rtol=1e-5)
    np.testing.assert_allclose(first["efgh"], [0.2, 0.2, 0.5, 0.2], rtol=1e-5)
    both = scores(Ensemble(members, "arithmetic", [1, 3]), [1, 2, 3, 0])
    np.testing.assert_allclose(both["abcd"], [0.275, 0.55, 0.2, 0.125], rtol=1e-5)
    np.testing.assert_allclose(both["efgh"], [0.2, 0.2, 0.5, 0.2], rtol=1e-5, err_msg="of the first list alone")
    geometric = scores(Ensemble(members, "geometric"), [1, 2, 3, 0])
    expected = np.sqrt([0.8 * 0.1, 0.4 * 0.6, 0.2 * 0.2, 0.2 * 0.1])
    np.testing.assert_allclose(geometric["abcd"], expected, rtol=1e-5)


def test_scores_of_nothing_and_of_certainty_stay_finite(tmp_path):
    (member,) = aligned(video_lists(tmp_path, ("abcd,1 1 2 0",)))
    found = scores(Ensemble([member], "geometric"), [1, 2, 0])["abcd"]
    np.testing.assert_allclose(found, [1 - 1e-7, 1e-7, 5e-8], rtol=1e-5)


def random_rows(seed, ids, num_classes, most=5) -> list[str]:
    random = np.random.default_rng(seed)
    rows = []
    for video in ids:
        count = random.integers(1, most + 1)
        listed = -np.sort(-random.integers(1, 40, count) / 41)
        pairs = zip(random.permutation(num_classes)[:count].tolist(), listed.tolist(), strict=True)
        rows.append(f"{video}," + " ".join(f"{class_id} {score:.6f}" for class_id, score in pairs))
    return rows


def slow_tables(rows, ids, num_classes) -> dict[str, np.ndarray]:
    """The probabilities that a list stands for, entry by entry; None for a video without a row."""
    parsed = {}
    for row in rows:
        video, pairs = row.split(",")
        values = pairs.split(" ")
        parsed[video] = dict(zip(map(int, values[::2]), map(float, values[1::2]), strict=True))
    longest, least = max(map(len, parsed.values())), min(min(each.values()) for each in parsed.values())
    tables = {}
    for video in ids:
        own = parsed.get(video)
        if own is not None:
            rest = (min(own.values()) if len(own) == longest else least) / 2
            tables[video] = np.array([own.get(class_id, rest) for class_id in range(num_classes)])
    return tables


def slow_shares(tables) -> dict[str, np.ndarray]:
    every = np.concatenate(list(tables.values()))
    return {
        video: np.array([(np.sum(every < value) + np.sum(every == value) / 2) / len(every) for value in values])
        for video, values in tables.items()
    }


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("weights", [[1, 1, 1], [0.5, 3, 2]])
def test_means_of_lists_of_videos_beside_predictions(tmp_path, mean, weights):
    num_classes, ids = 20, [f"v{number:03d}" for number in range(12)]  # of more classes, the surest 20 are kept
    stored = stored_at(tmp_path / "stored", videos(3, tuple(ids), num_classes, parts=3))
    rows = [random_rows(0, ids, num_classes), random_rows(1, ids[2:], num_classes)[::-1]]
    found = scores(
        Ensemble([stored, *aligned(video_lists(tmp_path, *rows), stored)], mean, weights), range(num_classes)
    )
    of_stored = {video: sigmoid(row) for video, row in zip(ids, together(stored), strict=True)}
    tables = [of_stored, *(slow_tables(each, ids, num_classes) for each in rows)]
    if mean == "rank":
        tables = [slow_shares(each) for each in tables]
    for video in ids:
        there = [(weight, table[video]) for weight, table in zip(weights, tables, strict=True) if video in table]
        values = [weight * (np.log(value) if mean == "geometric" else value) for weight, value in there]
        expected = sum(values) / sum(weight for weight, _ in there)
        expected = np.exp(expected) if mean == "geometric" else expected
        np.testing.assert_allclose(found[video], expected, rtol=1e-4, err_msg=video)


@pytest.mark.parametrize("mean", MEANS)
def test_one_list_of_videos_comes_back_as_it_was(tmp_path, mean):
    ids = [f"v{number:03d}" for number in range(40)]
    random = np.random.default_rng(5)
    rows = []
    for video, count in zip(ids, (20, 3, *random.integers(1, 21, len(ids) - 2)), strict=True):
        listed = sorted(random.choice(10**6, count, replace=False).tolist(), reverse=True)
        pairs = zip(random.permutation(3862).tolist(), listed, strict=False)
        rows.append(f"{video}," + " ".join(f"{class_id} {score / 1e6:.6f}" for class_id, score in pairs))
    lists = video_lists(tmp_path, rows)
    write_submission(Ensemble(aligned(lists), mean), tmp_path / "again.csv")
    before, after = (list(read_video_submission(path)) for path in (lists[0].path, tmp_path / "again.csv"))
    assert [(row.video_id, row.classes) for row in after] == [(row.video_id, row.classes) for row in before]
    if mean != "rank":
        for one, other in zip(before, after, strict=True):
            np.testing.assert_allclose(other.scores, one.scores, rtol=1e-5, atol=2e-7)


def test_only_classes_that_a_list_names_are_written(tmp_path):
    lists = video_lists(tmp_path, FIRST, ("abcd,7 0.3 2 0.2 0 0.1",), ("zz,5 0.5", "abcd,9 0.5"))
    write_submission(Ensemble(aligned(lists), "arithmetic", [1, 1, 0]), tmp_path / "mean.csv", top_k=4)
    rows = {row.video_id: row.classes for row in read_video_submission(tmp_path / "mean.csv")}
    assert rows == {"abcd": [1, 2, 7, 0], "efgh": [3], "zz": []}


def test_other_scores_than_probabilities_are_ranked_alone(tmp_path):
    rows = ("abcd,1 7.5 2 -3", "efgh,3 4")
    with pytest.raises(
        InputError, match=r"0.csv, line 2: video 'abcd' has a score of 7.5, which is no probability; .*--mean rank"
    ):
        video_lists(tmp_path, rows)
    (member,) = aligned(video_lists(tmp_path, rows, ranked=True))
    found = scores(Ensemble([member], "rank"), [1, 2, 3, 0])
    assert found["abcd"][0] > found["efgh"][2] > found["abcd"][1] > found["abcd"][3]
    assert found["abcd"][2] == found["abcd"][3] == pytest.approx(found["efgh"][3], abs=1e-3)


def test_lists_of_videos_alone_have_the_videos_of_all(tmp_path):
    told = Messages()
    members = aligned(
        video_lists(tmp_path, ("abcd,1 0.5", "ab,2 0.5"), ("efgh,3 0.5", "abcd,", "ab,1 0.1")), progress=told
    )
    mean = Ensemble(members, "arithmetic")
    assert [name for part in mean.parts() for name in part.names()] == ["abcd", "ab", "efgh"]
    assert told.lines == [
        f"{tmp_path}/0.csv: has no predictions for 1 of the 3 videos, of which the other members alone are averaged",
        f"{tmp_path}/1.csv: has no predictions for 1 of the 3 videos, of which the other members alone are averaged",
    ]
    assert (mean.description.num_classes, mean.description.top_k) == (3862, 20)
    np.testing.assert_allclose(scores(mean, [1])["abcd"], [0.5], rtol=1e-5)


def test_a_vocabulary_of_2017_is_seen_by_its_classes(tmp_path):
    lists = video_lists(tmp_path, ("abcd,4000 0.5",), ("abcd,1 0.5",))
    assert {each.description.num_classes for each in aligned(lists)} == {4716}


def test_a_video_that_no_member_of_weight_has_comes_last(tmp_path):
    members = aligned(video_lists(tmp_path, ("abcd,1 0.5",), ("abcd,1 0.5", "efgh,2 0.9")))
    for mean in MEANS:
        found = scores(Ensemble(members, mean, [1, 0]), [1, 2])
        assert found["efgh"].max() < 1e-6 < found["abcd"].min()


SEGMENT_FIRST = ("1,abcd:10 ab:0 abcd:0", "4,efgh:5")
SEGMENT_SECOND = ("1,ab:0 efgh:0",)


def test_what_lists_of_segments_do_not_rank_is_taken_as_documented(tmp_path):
    members = aligned(segment_lists(tmp_path, SEGMENT_FIRST, SEGMENT_SECOND))
    rows = [name for part in members[0].rows() for name in part.names()]
    assert sorted(rows) == ["ab:0", "abcd:0", "abcd:10", "efgh:0", "efgh:5"]
    assert members[0].description.classes == (1, 4)
    first = scores(Ensemble(members[:1], "arithmetic"), [1, 4])
    assert {name: row[0] for name, row in first.items()} == pytest.approx(
        # Places 1 to 3; the other two share place 4.5.
        {"abcd:10": 1 / 2, "ab:0": 1 / 3, "abcd:0": 1 / 4, "efgh:0": 1 / 5.5, "efgh:5": 1 / 5.5}
    )
    both = scores(Ensemble(members, "arithmetic"), [1, 4])
    assert both["ab:0"][0] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert both["abcd:10"][0] == pytest.approx((1 / 2 + 1 / 5) / 2)  # of the second list: places 3 to 5
    assert both["efgh:5"][1] == pytest.approx(1 / 2), "of class 4 the second list says nothing"
    ranks = scores(Ensemble(members, "rank"), [1, 4])
    assert ranks["abcd:10"][0] == pytest.approx(((1 - 0.5 / 5) + (1 - 3.5 / 5)) / 2)


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("weights", [[1, 1, 1], [0.5, 3, 2]])
def test_means_of_lists_of_segments_beside_predictions(tmp_path, mean, weights):
    ids, counts, classes = [f"v{number:02d}" for number in range(9)], (3, 1, 4, 2, 2, 5, 1, 1, 3), (1, 4, 2)
    stored = stored_at(tmp_path / "stored", segments(7, ids, counts, classes, parts=4))
    names = [name for part in stored.rows() for name in part.names()]
    random = np.random.default_rng(1)
    orders = [{1: random.permutation(names)[:9], 4: random.permutation(names)}, {1: random.permutation(names)[:4]}]
    orders[1][2] = random.permutation(names)[:12]
    files = [[f"{class_id},{' '.join(order)}" for class_id, order in each.items()] for each in orders]
    found = scores(Ensemble([stored, *aligned(segment_lists(tmp_path, *files), stored)], mean, weights), classes)
    of_stored = dict(zip(names, sigmoid(together(stored)), strict=True))
    for column, class_id in enumerate(classes):
        tables = [{name: of_stored[name][column] for name in names}]
        for order in (each.get(class_id) for each in orders):
            places = {} if order is None else dict.fromkeys(names, (len(order) + 1 + len(names)) / 2)
            places |= {} if order is None else {name: place for place, name in enumerate(order, 1)}
            tables.append({name: 1 / (place + 1) for name, place in places.items()})
        if mean == "rank":
            tables = [
                {
                    name: np.mean([other < value for other in each.values()])
                    + np.mean([other == value for other in each.values()]) / 2
                    for name, value in each.items()
                }
                for each in tables
            ]
        there = [(weight, each) for weight, each in zip(weights, tables, strict=True) if each]
        for name in names:
            values = [weight * (np.log(each[name]) if mean == "geometric" else each[name]) for weight, each in there]
            expected = sum(values) / sum(weight for weight, _ in there)
            expected = np.exp(expected) if mean == "geometric" else expected
            assert found[name][column] == pytest.approx(expected, rel=1e-4), (name, class_id)


@pytest.mark.parametrize("mean", MEANS)
def test_one_list_of_segments_comes_back_as_it_was(tmp_path, mean):
    random = np.random.default_rng(2)
    names = [f"{video}:{5 * place}" for video in ("abcd", "ab", "efghijklmno") for place in range(70)]
    rows = [f"{class_id},{' '.join(random.permutation(names)[: 50 + class_id])}" for class_id in (3, 7, 1)]
    rows.append(f"5,{' '.join(names)}")
    lists = segment_lists(tmp_path, rows)
    write_submission(Ensemble(aligned(lists), mean), tmp_path / "again.csv", max_segments=100_000)
    before, after = (list(read_segment_submission(path)) for path in (lists[0].path, tmp_path / "again.csv"))
    assert [row.class_id for row in after] == [row.class_id for row in before]
    for one, other in zip(before, after, strict=True):
        assert other.ids[: len(one.ids)].tolist() == one.ids.tolist()
        assert other.starts[: len(one.ids)].tolist() == one.starts.tolist()


def test_segments_of_a_video_are_in_one_part(tmp_path, monkeypatch):
    monkeypatch.setattr("yt8m.predicting.listed_segments._PART_SEGMENTS", 4)
    names = [f"v{video}:{5 * place}" for video in range(5) for place in range(3)]
    (member,) = aligned(segment_lists(tmp_path, [f"1,{' '.join(names[::-1])}"]))
    parts = [set(part.ids.tolist()) for part in member.rows()]
    assert len(parts) > 1
    assert sum(map(len, parts)) == 5
    assert sorted(name for part in member.rows() for name in part.names()) == sorted(names)
    found = scores(Ensemble([member], "arithmetic"), [1])
    assert [found[name][0] for name in names[::-1]] == pytest.approx([1 / (place + 2) for place in range(15)])


def test_segments_that_predictions_lack_are_left_out_and_told(tmp_path):
    told = Messages()
    stored = stored_at(tmp_path / "stored", segments())
    (member,) = aligned(segment_lists(tmp_path, ("1,ab:5 abcd:0 ab:0",)), stored, told)
    assert scores(Ensemble([member], "arithmetic"), [1])["ab:0"][0] == pytest.approx(1 / 3)
    assert told.lines == [
        f"{tmp_path}/0.csv: ranks segments that {tmp_path}/stored does not have, 1 entries, which are left out",
        f"{tmp_path}/0.csv: ranks nothing for 2 of the 3 classes (the first: 4), of which the other members alone are averaged",
    ]


def test_lists_that_do_not_fit(tmp_path):
    of_videos, of_segments = stored_at(tmp_path / "videos", videos()), stored_at(tmp_path / "segments", segments())
    for rows, message in (
        (("abcd,6 0.5",), "0.csv: has class 6, .*videos 6 classes; leave one of them out"),
        (("abcd,5 0.5", "zz,1 0.5"), "0.csv: has video 'zz', which .*videos lacks, and so 1 in all; predict both"),
        (("abcd,",), "0.csv: has no predictions; leave it out"),
    ):
        with pytest.raises(InputError, match=message):
            aligned(video_lists(tmp_path, rows), of_videos)
    for rows, message in (
        (("9,abcd:0",), "0.csv: has class 9, .*segments 6 classes"),
        (
            ("3,abcd:0",),
            r"0.csv: ranks class 3, which .*segments does not; rank the same classes \(--segment-classes\)",
        ),
        (
            ("1,abcd:0 zz:5 zz:0",),
            "0.csv: has segments of video 'zz', which .*segments lacks, and so of 1 videos in all",
        ),
        (("1,",), "0.csv: ranks no segment"),
    ):
        with pytest.raises(InputError, match=message):
            aligned(segment_lists(tmp_path, rows), of_segments)
    message = "1.csv: has none of the videos of .*0.csv; give lists of predictions for the same records"
    with pytest.raises(InputError, match=message):
        aligned(video_lists(tmp_path, ("abcd,1 0.5",), ("efgh,1 0.5",)))
    with pytest.raises(InputError, match=message):
        aligned(segment_lists(tmp_path, ("1,abcd:0",), ("1,efgh:0",)))


def test_ids_of_any_length(tmp_path):
    long = "x" * 255
    rows = (f"1,ab:0 {long}:5 abcdefgh:0", f"2,ab:5 abcdefghi:0 {long}:0")
    (member,) = aligned(segment_lists(tmp_path, rows))
    found = scores(Ensemble([member], "arithmetic"), [1, 2])
    assert found[f"{long}:5"][0] == pytest.approx(1 / 3)
    assert found["abcdefghi:0"][1] == pytest.approx(1 / 3)
    assert found[f"{long}:0"][1] == pytest.approx(1 / 4)
