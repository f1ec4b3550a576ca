import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.metrics import top_k_predictions
from yt8m.submission import (
    SegmentRanking,
    read_segment_submission,
    segments,
)
from yt8m.submission.segments import best_first, merged


def random_segments(seed, num_segments, num_classes, levels=None):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(num_segments, num_classes))
    if levels:
        scores = np.round(scores * levels) / levels
    ids = [f"v{row // 7:02}" for row in range(num_segments)]
    starts = np.arange(num_segments) % 7 * 5
    return ids, starts, scores.astype(np.float32)


def test_the_format_is_the_leaderboards(tmp_path):
    ranking = SegmentRanking([7, 3])
    ranking.update(["ab12", b"cd"], np.array([0, 295]), np.array([[0.1, 0.9], [0.2, 0.8]], np.float32))
    ranking.update(["ab12"], np.array([5]), np.array([[0.15, 0.8]]))
    path = tmp_path / "out.csv"
    ranking.write(path)
    assert path.read_text() == "Class,Segments\n7,cd:295 ab12:5 ab12:0\n3,ab12:0 cd:295 ab12:5\n"
    assert ranking.ranking(3) == [("ab12", 0), ("cd", 295), ("ab12", 5)]
    assert ranking.num_segments == 3


def test_every_class_gets_a_line_even_without_segments(tmp_path):
    path = tmp_path / "out.csv"
    SegmentRanking([5, 2]).write(path)
    assert path.read_text() == "Class,Segments\n5,\n2,\n"
    assert [(row.class_id, row.ids.size) for row in read_segment_submission(path)] == [(5, 0), (2, 0)]


@pytest.mark.parametrize("fresh", [1, 4, 50, 1 << 16])
@pytest.mark.parametrize("max_segments", [1, 10, 99, 100, 1000])
@pytest.mark.parametrize("levels", [None, 2])
def test_keeps_the_best_of_each_class_with_ties_in_order_of_arrival(monkeypatch, fresh, max_segments, levels):
    monkeypatch.setattr(segments, "_FRESH_SEGMENTS", fresh)
    ids, starts, scores = random_segments(0, 100, 4, levels)
    ranking = SegmentRanking([4, 9, 1, 30], max_segments)
    for first in range(0, 100, 13):
        part = slice(first, first + 13)
        ranking.update(ids[part], starts[part], scores[part])
    for column, class_id in enumerate([4, 9, 1, 30]):
        order = sorted(range(100), key=lambda row, column=column: (-scores[row, column], row))[:max_segments]
        assert ranking.ranking(class_id) == [(ids[row], int(starts[row])) for row in order]


def slow_submission(class_ids, ids, starts, scores, max_segments):
    """The file as Python's own stable sort makes it, from all scores at once."""
    lines = ["Class,Segments"]
    for column, class_id in enumerate(class_ids):
        best = sorted(range(len(ids)), key=lambda row, column=column: -float(scores[row, column]))[:max_segments]
        lines.append(f"{class_id}," + " ".join(f"{ids[row]}:{starts[row]}" for row in best))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("num_threads", [1, 2, 5])
@pytest.mark.parametrize(("batch_size", "fresh"), [(1, 64), (7, 50), (64, 64), (499, 33), (500, 1000)])
def test_neither_threads_nor_batches_change_the_file(monkeypatch, tmp_path, dtype, num_threads, batch_size, fresh):
    monkeypatch.setattr(segments, "_FRESH_SEGMENTS", fresh)
    ids, starts, scores = random_segments(3, 500, 6, levels=4)  # some 25 different scores, so most are tied
    scores = scores.astype(dtype)
    class_ids = [40, 7, 3861, 0, 12, 5]
    for max_segments in (1, 120, 500, 1000):
        ranking = SegmentRanking(class_ids, max_segments, num_threads)
        for first in range(0, 500, batch_size):
            part = slice(first, first + batch_size)
            ranking.update(ids[part], starts[part], scores[part])
        ranking.write(tmp_path / "out.csv")
        assert (tmp_path / "out.csv").read_text() == slow_submission(class_ids, ids, starts, scores, max_segments)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_large_batch_and_ids_of_many_lengths(tmp_path, dtype):
    rng = np.random.default_rng(4)
    lengths = rng.integers(1, 40, 300)
    ids = [f"{video:03}" + "x;" * (lengths[video] // 2) for video in rng.integers(0, 300, 5000)]
    starts = rng.permutation(5000) * 5  # from one digit to five, and no segment twice
    scores = rng.normal(size=(5000, 3)).astype(dtype)
    ranking = SegmentRanking([1, 2, 3], max_segments=2000)
    ranking.update([video.encode() for video in ids], starts, scores)
    ranking.write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == slow_submission(
        [1, 2, 3], ids, starts, scores.astype(np.float32), 2000
    )


def test_scores_tie_where_they_are_equal_as_float32():
    scores = np.array([-0.0, 0.0, -1.0, -1.0 - 1e-12, 1.0, 1.0 + 1e-12, 1e-45, -1e-45])[:, None]
    ranking = SegmentRanking([3], max_segments=4)
    ranking.update(["a"] * 8, np.arange(8) * 5, scores)
    assert ranking.ranking(3) == [("a", 20), ("a", 25), ("a", 30), ("a", 0)]
    assert ranking.num_segments == 8


def test_a_video_may_come_in_pieces_and_as_text_or_bytes():
    ranking = SegmentRanking([3])
    ranking.update(["a", b"b", "a", b"a", "b"], [0, 0, 10, 5, 295], np.arange(5.0)[:, None])
    ranking.update(np.array([b"b", b"a"]), [5, 15], np.array([[5.0], [6.0]], np.float16))
    assert ranking.ranking(3) == [("a", 15), ("b", 5), ("b", 295), ("a", 5), ("a", 10), ("b", 0), ("a", 0)]


@pytest.mark.parametrize(
    ("ids", "starts"),
    [
        (["c", "c"], [5, 5]),
        (["c", "d", b"c"], [5, 5, 5]),
        (["c", "c", "b", "b"], [5, 0, 0, 10]),
        ([b"b"], [10]),
    ],
)
def test_a_segment_twice_is_refused_wherever_it_was(ids, starts):
    ranking = SegmentRanking([3])
    ranking.update(["a", "b"], [10, 10], np.zeros((2, 1)))
    with pytest.raises(InputError, match="occurs twice in the data; give it once"):
        ranking.update(ids, starts, np.zeros((len(ids), 1)))


@pytest.mark.parametrize(("dtype", "broken"), [(np.float16, np.nan), (np.float32, -np.inf), (np.float64, 1e39)])
def test_a_score_that_is_not_finite_is_named_in_a_large_batch(dtype, broken):
    ids, starts, _ = random_segments(5, 3000, 2)
    scores = np.zeros((3000, 2), dtype)
    scores[2500, 1] = broken
    shown = "inf" if broken == 1e39 else broken
    message = rf"^segment 'v{2500 // 7}:{2500 % 7 * 5}' \(row 2500\): the score of class 40 is {shown}; "
    with pytest.raises(InputError, match=message):
        SegmentRanking([30, 40]).update(ids, starts, scores)


def test_more_may_be_added_after_writing(tmp_path):
    ids, starts, scores = random_segments(1, 60, 3)
    whole, grown = SegmentRanking(range(3), 20), SegmentRanking(range(3), 20)
    whole.update(ids, starts, scores)
    grown.update(ids[:30], starts[:30], scores[:30])
    grown.write(tmp_path / "half.csv")
    grown.update(ids[30:], starts[30:], scores[30:])
    whole.write(tmp_path / "whole.csv")
    grown.write(tmp_path / "grown.csv")
    assert (tmp_path / "grown.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_class_ranks_segments_of_which_it_is_not_among_the_best_20():
    # Class 25 is the 26th best class of every segment, so a cut to 20 classes a segment would leave it without any.
    num_classes = 30
    scores = np.tile(-np.arange(num_classes, dtype=np.float32), (12, 1))
    scores[:, 25] += np.linspace(0, 0.5, 12)
    assert not (top_k_predictions(scores, 20)[0] == 25).any()
    ranking = SegmentRanking(range(num_classes))
    ranking.update(["a"] * 12, np.arange(12) * 5, scores)
    assert ranking.ranking(25) == [("a", 5 * place) for place in reversed(range(12))]


def test_a_written_file_reads_back(tmp_path):
    ids, starts, scores = random_segments(2, 80, 3)
    ids = ["C\\ä.mp4" if video == "v03" else video for video in ids]
    ranking = SegmentRanking([0, 3861, 17], max_segments=50)
    ranking.update(ids, starts, scores)
    path = tmp_path / "out.csv"
    ranking.write(path)
    rows = list(read_segment_submission(path))
    assert [(row.line, row.class_id) for row in rows] == [(2, 0), (3, 3861), (4, 17)]
    for row in rows:
        pairs = zip((video.decode() for video in row.ids.tolist()), row.starts.tolist(), strict=True)
        assert list(pairs) == ranking.ranking(row.class_id)


@pytest.mark.parametrize(
    ("ids", "starts", "score", "message"),
    [
        (["a"], [5], 0.0, "video 'a': the segment at 5 s occurs twice in the data"),
        (["a"], [7], 0.0, "video 'a': segment at 7 s; segments start at multiples of 5 s"),
        (["a"], [-5], 0.0, "segment at -5 s"),
        (["a"], [10], np.inf, r"segment 'a:10' \(row 0\): the score of class 40 is inf"),
        (["a b"], [10], 0.0, "video 'a b': the id has a space and cannot stand in a submission"),
        (["a,b"], [10], 0.0, "video 'a,b': the id has a comma and cannot"),
        ([""], [10], 0.0, "video '': the id is empty and cannot"),
        (["a" * 256], [10], 0.0, "the id has more than 255 bytes and cannot"),
    ],
)
def test_bad_segments_are_refused(ids, starts, score, message):
    ranking = SegmentRanking([30, 40])
    ranking.update(["a"], np.array([5]), np.zeros((1, 2)))
    with pytest.raises(InputError, match=message):
        ranking.update(ids, np.array(starts), np.array([[0.0, score]]))


def test_wrong_arguments_are_refused(tmp_path):
    with pytest.raises(InputError, match="each once"):
        SegmentRanking([3, 3])
    with pytest.raises(InputError, match="must be given"):
        SegmentRanking([])
    with pytest.raises(ValueError, match="max_segments is 0"):
        SegmentRanking([3], max_segments=0)
    with pytest.raises(ValueError, match="num_threads is 0"):
        SegmentRanking([3], num_threads=0)
    with pytest.raises(ValueError, match="must be"):
        SegmentRanking([3]).update(["a"], np.array([0]), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="2 ids for 1 rows"):
        SegmentRanking([3]).update(["a", "b"], np.array([0]), np.zeros((1, 1)))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        SegmentRanking([3]).write(tmp_path / "file" / "out.csv")


def test_rankings_can_be_merged_in_any_order_of_the_segments():
    random = np.random.default_rng(8)
    scores = random.integers(0, 40, 1000).astype(np.float32)  # many are equal
    expected = np.argsort(-scores, kind="stable")[:100]
    parts = np.split(random.permutation(1000).astype(np.uint64), [10, 300, 310, 800])
    kept = np.empty(0, np.uint64)
    for part in parts:
        kept = merged(kept, scores[part.astype(int)], part, 100)
        assert len(kept) <= 100
    np.testing.assert_array_equal(best_first(kept), expected)
