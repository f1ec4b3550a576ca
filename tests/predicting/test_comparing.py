"""Comparing submissions: against pandas and SciPy on tables that are made entry by entry."""

import itertools
import math
from pathlib import Path

import numpy as np
import pandas
import pytest
from scipy.stats import spearmanr

from yt8m.errors import InputError
from yt8m.predicting.comparing import compare, differences
from yt8m.predicting.correlation import rank_correlation, rank_correlations_of_rows
from yt8m.submission import SegmentRanking, VideoSubmissionWriter

NUM_VIDEOS, NUM_CLASSES, KEPT = 50, 30, 5


def video_list(path: Path, scores: np.ndarray, ids: list[str], kept: int = KEPT) -> Path:
    with VideoSubmissionWriter(path) as writer:
        order = np.argsort(-scores, axis=1)[:, :kept]
        writer.write(ids, order, np.take_along_axis(scores, order, axis=1))
    return path


@pytest.fixture(scope="module")
def video_lists(tmp_path_factory) -> list[Path]:
    """Two lists that agree in part, with 48 videos in common."""
    random, directory = np.random.default_rng(0), tmp_path_factory.mktemp("lists")
    common = random.normal(-2, 2, (NUM_VIDEOS, NUM_CLASSES))
    paths = []
    for name, first in (("a", 0), ("b", 2)):
        scores = 1 / (1 + np.exp(-(common + random.normal(0, 1, common.shape))))
        ids = [f"v{place:03d}" for place in range(first, first + NUM_VIDEOS)]
        paths.append(video_list(directory / f"{name}.csv", np.roll(scores, -first, axis=0).astype(np.float32), ids))
    return paths


def named(path: Path) -> dict[str, dict[int, float]]:
    found = {}
    for line in path.read_text().splitlines()[1:]:
        video, pairs = line.split(",")
        words = pairs.split(" ")
        found[video] = {int(each): float(score) for each, score in zip(words[::2], words[1::2], strict=True)}
    return found


def slow_entries(paths) -> pandas.DataFrame:
    """All entries of the videos in both lists. A class that is not named has half of the least score."""
    first, second = map(named, paths)
    rows = []
    for video in first.keys() & second.keys():
        one, two = first[video], second[video]
        for class_id in one.keys() | two.keys():
            values = [each.get(class_id, min(each.values()) / 2) for each in (one, two)]
            rows.append((video, class_id, *values, class_id in one, class_id in two))
    return pandas.DataFrame(rows, columns=["video", "class_id", "one", "two", "in_one", "in_two"])


def spearman(frame: pandas.DataFrame) -> float:
    return frame["one"].rank().corr(frame["two"].rank())


def test_lists_of_videos_against_pandas(video_lists):
    (found,) = compare(video_lists)
    assert (found.task, found.num_videos, found.only_first, found.only_second) == ("video", 48, 2, 2)
    entries = slow_entries(video_lists)
    assert found.rank_correlation == pytest.approx(spearman(entries), abs=1e-6)
    assert found.rank_correlation == pytest.approx(spearmanr(entries["one"], entries["two"]).statistic, abs=1e-6)
    by_video = entries.groupby("video")
    expected = by_video.apply(spearman)
    assert found.videos["rank_correlation"] == pytest.approx(
        expected[[each.decode() for each in found.videos["id"]]], abs=1e-6
    )
    assert found.by_video == pytest.approx(expected.mean(), abs=1e-6)
    assert found.overlap == pytest.approx(
        (entries["in_one"] & entries["in_two"]).groupby(entries["video"]).sum().mean() / KEPT
    )
    by_class = entries.groupby("class_id")
    expected = by_class.apply(lambda frame: spearman(frame) if len(frame) > 1 else math.nan)
    assert found.classes["class_id"].tolist() == expected.index.tolist()
    assert found.classes["rank_correlation"] == pytest.approx(expected.to_numpy(), abs=1e-6, nan_ok=True)
    assert found.by_class == pytest.approx(expected.mean(), abs=1e-6)
    assert found.classes["num_entries"].tolist() == by_class.size().tolist()
    both = (entries["in_one"] & entries["in_two"]).groupby(entries["class_id"]).sum()
    longer = by_class[["in_one", "in_two"]].sum().max(axis=1)
    assert found.classes["overlap"] == pytest.approx((both / longer).to_numpy())
    best = [{video: max(row, key=row.get) for video, row in named(path).items()} for path in video_lists]
    assert found.same_best == pytest.approx(np.mean([best[0][each] == best[1][each] for each in by_video.groups]))


def test_a_list_agrees_with_itself_in_other_numbers(video_lists, tmp_path):
    """Ranks alone count: squares of the scores are in the same order, but for the halves of the least ones."""
    rows = [line.split(",") for line in video_lists[0].read_text().splitlines()]
    lines = [",".join(rows[0])]
    for video, pairs in rows[1:]:
        words = pairs.split(" ")
        words[1::2] = [f"{float(each) * 1000:.9g}" for each in words[1::2]]  # no probabilities
        lines.append(f"{video},{' '.join(words)}")
    (tmp_path / "other.csv").write_text("\n".join(lines) + "\n")
    (found,) = compare([video_lists[0], tmp_path / "other.csv"])
    assert (found.overlap, found.same_best) == (1.0, 1.0)
    assert found.rank_correlation == pytest.approx(1.0)
    assert found.by_class == pytest.approx(1.0)
    assert found.by_video == pytest.approx(1.0)


def segment_list(path: Path, scores: np.ndarray, videos: list[str], kept: int) -> Path:
    ranking = SegmentRanking([3, 1, 4], kept)
    ids, starts = [each for each in videos for _ in range(4)], [5 * each for each in range(4)] * len(videos)
    ranking.update(ids, starts, scores)
    ranking.write(path)
    return path


@pytest.fixture(scope="module")
def segment_lists(tmp_path_factory) -> list[Path]:
    """Two lists of 35 and 40 of 48 segments of 12 videos."""
    random, directory = np.random.default_rng(1), tmp_path_factory.mktemp("lists")
    videos = [f"v{place:03d}" for place in range(12)]
    common = random.normal(0, 1, (48, 3))
    scores = [(common + random.normal(0, 0.5, common.shape)).astype(np.float32) for _ in range(2)]
    return [
        segment_list(directory / f"{name}.csv", each, videos, kept)
        for name, each, kept in (("a", scores[0], 35), ("b", scores[1], 40))
    ]


def ranked(path: Path) -> dict[int, list[str]]:
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    return {int(class_id): segments.split(" ") for class_id, segments in rows}


def slow_places(paths) -> pandas.DataFrame:
    first, second = map(ranked, paths)
    total = len({each for one in (first, second) for row in one.values() for each in row})
    rows = []
    for class_id in first:
        for segment in {*first[class_id], *second[class_id]}:
            row = [class_id, segment, segment.split(":")[0]]
            for own in (first[class_id], second[class_id]):
                row.append(own.index(segment) + 1 if segment in own else (len(own) + 1 + total) / 2)
            rows.append(row)
    return pandas.DataFrame(rows, columns=["class_id", "segment", "video", "one", "two"])


def test_lists_of_segments_against_pandas(segment_lists):
    (found,) = compare(segment_lists)
    assert (found.task, found.num_videos, found.only_first, found.only_second) == ("segment", 12, 0, 0)
    places = slow_places(segment_lists)
    assert found.rank_correlation == pytest.approx(places["one"].corr(places["two"]))
    expected = places.groupby("class_id").apply(spearman)
    assert found.classes["rank_correlation"] == pytest.approx(expected[found.classes["class_id"]].to_numpy())
    by_video = places.groupby("video").apply(lambda frame: frame["one"].corr(frame["two"]))
    assert found.videos["rank_correlation"] == pytest.approx(
        by_video[[each.decode() for each in found.videos["id"]]].to_numpy()
    )
    first, second = map(ranked, segment_lists)
    overlap = [len({*first[each][:20]} & {*second[each][:20]}) / 20 for each in first]
    assert found.overlap == pytest.approx(np.mean(overlap))
    whole = {each: len({*first[each]} & {*second[each]}) / 40 for each in first}
    assert found.classes["overlap"] == pytest.approx([whole[each] for each in found.classes["class_id"]])
    assert found.same_best == pytest.approx(np.mean([first[each][0] == second[each][0] for each in first]))


def test_where_lists_differ_most(video_lists, tmp_path):
    (found,) = compare(video_lists, tmp_path / "tables")
    most = differences(found, 3)
    entries = slow_entries(video_lists)
    by_video = entries.groupby("video").apply(spearman)
    assert [row["rank_correlation"] for row in most.videos] == pytest.approx(
        by_video.sort_values().head(3).tolist(), abs=1e-6
    )
    videos = pandas.read_csv(tmp_path / "tables" / "videos.csv")
    assert set(videos["id"]) == set(by_video.index)
    assert videos["rank_correlation"].mean() == pytest.approx(found.by_video)
    classes = pandas.read_csv(tmp_path / "tables" / "classes.csv")
    assert classes["class_id"].tolist() == found.classes["class_id"].tolist()
    assert min(row["num_entries"] for row in most.classes) >= 10, "two entries say nothing"


def test_several_are_compared_each_with_each(video_lists, tmp_path):
    third = tmp_path / "c.csv"
    third.write_bytes(video_lists[0].read_bytes())
    found = compare([*video_lists, third])
    names = [*map(str, video_lists), str(third)]
    assert [(each.first, each.second) for each in found] == list(itertools.combinations(names, 2))
    assert found[1].rank_correlation == pytest.approx(1.0)
    assert found[0].rank_correlation == pytest.approx(found[2].rank_correlation)


def test_correlations_by_hand_and_where_there_are_none():
    assert rank_correlation([1.0, 2.0, 3.0], [5.0, 7.0, 6.0]) == pytest.approx(0.5)
    assert math.isnan(rank_correlation([1.0, 1.0], [1.0, 2.0]))
    assert math.isnan(rank_correlation([1.0], [1.0]))
    random = np.random.default_rng(2)
    first, second = random.integers(0, 4, (2, 30, 9)).astype(float)
    chosen = random.random((30, 9)) < 0.7
    expected = [spearmanr(one[own], two[own]).statistic for one, two, own in zip(first, second, chosen, strict=True)]
    assert rank_correlations_of_rows(first, second, chosen) == pytest.approx(expected, nan_ok=True)


def test_what_cannot_be_compared(video_lists, segment_lists, tmp_path):
    strange = tmp_path / "strange.csv"
    strange.write_text("VideoId,LabelConfidencePairs\nzzzz,1 0.5\n")
    a = video_lists[0]
    for paths, out, message in (
        ([a], None, f"{a}: one submission has nothing to be compared with; name two"),
        ([a, a], None, f"{a}: is given twice; name each submission once"),
        ([a, segment_lists[0]], None, f"{segment_lists[0]}: is for the segment task, {a} for the video task"),
        ([a, strange], None, f"{strange}: has none of the videos of {a}"),
        ([a, tmp_path], None, f"{tmp_path}: is a directory; make a submission of it"),
        ([a, strange, video_lists[1]], tmp_path / "out", "the tables are of two submissions, and 3 are named"),
        ([a, strange], strange, f"{strange}"),
    ):
        with pytest.raises(InputError) as raised:
            compare(paths, out)
        assert message in str(raised.value)
    assert not (tmp_path / "out").exists()
