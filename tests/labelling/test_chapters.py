"""Labels from scores, chapters from labels, and WebVTT from chapters."""

import av
import numpy as np
import pytest
from webvtt_parsing import parse_webvtt

from yt8m.labelling.labels import Chapter, Label, Window, chapters_of, surest_labels, windows_with_labels
from yt8m.labelling.output import chapters_file
from yt8m.labelling.webvtt import as_webvtt
from yt8m.labelling.windows import Scores


def window(start, end, *labels):
    return Window(start, end, tuple(Label(class_id, f"n{class_id}", value) for class_id, value in labels))


def test_the_surest_labels_by_hand():
    scores = np.float32([0.5, 0.1, 0.9, 0.5, 0.2])
    found = surest_labels(scores, {0: "zero", 2: "two"}, 3, 0.2)
    assert [(each.class_id, each.name) for each in found] == [(2, "two"), (0, "zero"), (3, "Class 3")]
    assert [each.probability for each in found] == pytest.approx([0.9, 0.5, 0.5])
    assert len(surest_labels(scores, {}, 10, 0.2)) == 4
    assert surest_labels(scores, {}, 10, 0.95) == ()


def test_the_last_window_ends_with_the_video():
    scores = Scores("run", np.zeros(2), np.array([0, 5]), 5, np.float32([[0.9, 0], [0, 0.1]]))
    found = windows_with_labels(scores, 7.0, {}, 5, 0.5)
    assert [(each.start, each.end, len(each.labels)) for each in found] == [(0, 5, 1), (5, 7, 0)]


def test_adjacent_windows_of_one_label_are_one_chapter():
    windows = [
        window(0, 5, (1, 0.5), (2, 0.4)),
        window(5, 10, (1, 0.8)),
        window(10, 15, (2, 0.9), (1, 0.8)),
        window(15, 20),
        window(20, 25, (2, 0.7)),
        window(25, 27, (2, 0.6)),
    ]
    found = [(each.start, each.end, each.label.class_id, each.label.probability) for each in chapters_of(windows)]
    assert found == [(0, 10, 1, 0.8), (10, 15, 2, 0.9), (20, 27, 2, 0.7)]
    assert chapters_of([window(0, 5), window(5, 10)]) == chapters_of([]) == []


def test_windows_that_overlap_or_leave_gaps_make_chapters_that_do_not():
    overlapping = [window(0, 10, (1, 0.5)), window(5, 15, (1, 0.5)), window(10, 18, (2, 0.5))]
    assert [(each.start, each.end) for each in chapters_of(overlapping)] == [(0, 10), (10, 18)]
    apart = [window(0, 2, (1, 0.5)), window(5, 7, (1, 0.5))]
    assert [(each.start, each.end) for each in chapters_of(apart)] == [(0, 2), (5, 7)]


NAMES = ["Guitar", "A & B <c> --> d", "二\u2028胡", "two\nlines\n\nand\ta tab", "", "  "]


def test_webvtt_is_read_by_a_strict_parser_and_by_ffmpeg(tmp_path):
    chapters = [Chapter(10.0 * n, 10.0 * n + 7.5, Label(n, name, 0.5)) for n, name in enumerate(NAMES)]
    chapters.append(Chapter(100.0, 100.0004, Label(1, "too short", 0.5)))
    chapters.append(Chapter(359_999.5, 360_001.25, Label(1, "after a hundred hours", 0.5)))
    text = as_webvtt(chapters)
    expected = ["Guitar", "A & B <c> --> d", "二 胡", "two lines and a tab", "Class 4", "Class 5"]
    assert parse_webvtt(text) == [
        *((10.0 * n, 10.0 * n + 7.5, name) for n, name in enumerate(expected)),
        (359_999.5, 360_001.25, "after a hundred hours"),
    ]
    path = tmp_path / "x.vtt"
    path.write_text(text)
    with av.open(str(path)) as container:
        packets = [each for each in container.demux(container.streams.subtitles[0]) if each.size]
        times = [(float(each.pts * each.time_base), float(each.duration * each.time_base)) for each in packets]
        assert times == [*((10.0 * n, 7.5) for n in range(len(NAMES))), (359_999.5, 1.75)]
        assert bytes(packets[0]) == b"Guitar"


def test_no_chapter_makes_a_file_that_is_still_valid():
    assert parse_webvtt(as_webvtt([])) == []


@pytest.mark.parametrize(
    ("video_id", "name"),
    [
        ("INu4", "INu4.vtt"),
        ("a/b", "a%2Fb.vtt"),
        ("..", "%2E..vtt"),
        ("a\\b:c", "a%5Cb%3Ac.vtt"),
        ("\udcff", "%FF.vtt"),
        ("x" * 180, "x" * 180 + ".vtt"),
    ],
)
def test_names_of_files(video_id, name):
    assert chapters_file(video_id) == name


def test_names_of_long_ids_differ():
    names = {chapters_file("x" * 400 + end) for end in "ab"}
    assert len(names) == 2
    assert max(map(len, names)) < 255
