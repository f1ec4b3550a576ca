"""What is gathered for the page: records, tables of videos, clips and labels, and what of them does not fit together."""

import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest

from yt8m.data.records import frame_level_record, framed, video_level_record
from yt8m.data.tables.clips import Clip, write_clips
from yt8m.data.tables.timed_labels import TimedLabel, write_timed_labels
from yt8m.data.tables.videos import VideoRow, videos_table
from yt8m.errors import InputError
from yt8m.progress import Messages
from yt8m.video.making import make_videos
from yt8m.views import browse as browse_package
from yt8m.views.browse.building import check_page, make_page
from yt8m.views.browse.gathering import Span, gather
from yt8m.views.browse.options import BrowseOptions
from yt8m.views.browse.related import most_alike, vectors_of_parts
from yt8m.views.browse.strips import make_strip
from yt8m.views.templates import require_jinja


def frames(*values: int) -> dict[str, np.ndarray]:
    """A frame for each value: its direction in space depends on it alone."""
    rows = np.full((len(values), 1024), 128, np.uint8)
    for row, value in zip(rows, values, strict=True):
        row[100 * value : 100 * (value + 1)] = 255
    return {"rgb": rows, "audio": np.full((len(values), 128), 128, np.uint8)}


def clip(video, start, end, cluster=0, labels=()):
    return Clip(video, start, end, cluster, tuple(labels), 0, (start + end) / 2)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Two videos of three seconds."""
    directory = tmp_path_factory.mktemp("films") / "made"
    make_videos(directory, num_videos=2, seconds=3)
    return sorted(directory.glob("*.mp4"))


@pytest.fixture
def place(films, tmp_path):
    """Records of two videos that are there and one that is gone, with clips and labels, some of them of another video."""
    (tmp_path / "x.tfrecord").write_bytes(
        b"".join(
            framed(frame_level_record(name, [1], frames(*values)))
            for name, values in (("a", (1, 1, 2)), ("b", (2, 2, 1)), ("gone", (1, 3, 3)))
        )
    )
    rows = [VideoRow("a", str(films[0]), 3.0, 3, 160, 90), VideoRow("b", str(films[1]), 3.0, 3)]
    rows += [VideoRow("gone", str(tmp_path / "gone.mp4"), 3.0, 3), VideoRow("bad", "/bad.mp4", problem="is cut off")]
    (tmp_path / "videos.csv").write_bytes(videos_table(rows))
    (tmp_path / "vocabulary.csv").write_text("Index,Name\n0,Zero\n1,One\n")
    clips = [clip(name, *times) for name in ("a", "b", "gone") for times in ((2, 3), (0, 2))] + [clip("stranger", 0, 1)]
    (tmp_path / "clips.csv").write_bytes(write_clips(clips))
    return tmp_path


def test_what_belongs_together_is_put_together(place):
    messages = Messages()
    found = gather(str(place), BrowseOptions(), messages)
    assert [each.video_id for each in found.videos] == ["a", "b", "gone", "bad"]
    assert [each.seconds for each in found.videos] == [3, 3, 3, 0]
    assert [each.labels for each in found.videos] == [[("One", None)]] * 3 + [[]]
    assert [(part.clip.start, part.clip.end) for part in found.videos[0].parts] == [(0, 2), (2, 3)]
    assert messages.lines == [f"{place}/clips.csv: 1 video of it, such as stranger, are not in the directory"]
    assert gather(str(place), BrowseOptions(most_videos=3)).num_left_out == 1


def test_related_clips_are_those_of_like_frames(place):
    page = make_page(str(place), BrowseOptions(frames=0)).content.decode()
    videos = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    related = {(video["id"], clip["start"]): clip["related"] for video in videos for clip in video["clips"]}
    # Frames of 1: a from 0 to 2, b from 2, gone from 0 to 2 (with one of 3). Frames of 2: a from 2, b from 0.
    names = [video["id"] for video in videos]
    best = {key: (names[first[0]], first[1]) for key, (first, *_) in related.items()}
    assert best["a", 0] == ("b", 1)
    assert best["b", 2] == ("a", 0)
    assert best["a", 2] == ("b", 0)
    assert best["b", 0] == ("a", 1)
    assert related["a", 0][0][2] == pytest.approx(1, abs=1e-3)
    assert all(len(each) == 5 for each in related.values())


def test_vectors_of_parts_are_means_of_their_frames():
    from yt8m.data.features import KNOWN

    streams = frames(0, 1, 2, 3)
    features = tuple(KNOWN.values())
    times = [(0, 2), (0.4, 1.6), (1.6, 1.9), (3, 4), (3.9, 9), (7, 8)]
    found = vectors_of_parts(streams, features, times)
    expected = [[0, 1], [0, 1], [1], [3], [3], [3]]
    for row, places in zip(found, expected, strict=True):
        whole = (streams["rgb"][places].astype(np.float64) * 4 / 255 + 4 / 512 - 2).mean(axis=0)
        cosine = row[:1024] @ whole / np.linalg.norm(row[:1024]) / np.linalg.norm(whole)
        assert cosine == pytest.approx(1, abs=1e-5)


def test_the_most_alike_beside_a_slow_independent_version():
    rows = np.random.default_rng(0).random((30, 5)).astype(np.float32)
    rows[7] = rows[3]
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    for number, others in enumerate(most_alike(rows, 4)):
        cosines = [
            -np.inf
            if place == number
            else centred[number] @ other / np.linalg.norm(centred[number]) / np.linalg.norm(other)
            for place, other in enumerate(centred)
        ]
        assert [place for place, _ in others] == np.argsort(-np.array(cosines), kind="stable")[:4].tolist()
        assert [value for _, value in others] == pytest.approx(sorted(cosines, reverse=True)[:4], abs=1e-5)
    assert most_alike(np.ones((2, 3), np.float32), 4) == [[(1, 0.0)], [(0, 0.0)]]


def test_windows_become_spans_of_the_best_label(place):
    labels = [
        TimedLabel("a", None, None, 1, "One", 0.4),
        TimedLabel("a", None, None, 0, "Zero", 0.6),
        TimedLabel("a", 1, 3, 1, "One", 0.9),
        TimedLabel("a", 0, 2, 0, "Zero", 0.8),
        TimedLabel("a", 0, 2, 1, "One", 0.3),
        TimedLabel("a", 2, 3, 1, "One", 0.95),
        TimedLabel("stranger", 0, 1, 1, "One", 0.9),
    ]
    (place / "labels-over-time.csv").write_bytes(write_timed_labels(labels))
    messages = Messages()
    first, *_ = gather(str(place), BrowseOptions(), messages).videos
    assert first.labels == [("Zero", 0.6), ("One", 0.4)]
    assert first.spans == [Span(0, 1, "Zero", 0.8), Span(1, 3, "One", 0.95)]
    assert len(messages.lines) == 2


def test_thumbnails_are_there_where_the_file_is(place, films):
    messages = Messages()
    made = make_page(str(place), progress=messages)
    assert (made.num_videos, made.num_clips, made.num_without_pictures) == (4, 6, 2)
    assert f"gone: no thumbnails: {place}/gone.mp4: is gone" in messages.lines
    assert made.content.count(b"data:image/jpeg;base64,") == 2
    strip = make_strip(str(films[0]), 3.0, 12)
    assert (strip.width, strip.height, strip.count) == (114, 64, 3)


def test_means_and_tables_alone_make_a_page(tmp_path):
    records = tmp_path / "means"
    records.mkdir()
    means = {"rgb": np.zeros(1024, np.float32), "audio": np.ones(128, np.float32)}
    (records / "x.tfrecord").write_bytes(framed(video_level_record("abcd", [3], means)))
    (video,) = gather(str(records), BrowseOptions()).videos
    assert (video.video_id, video.seconds, video.labels) == ("abcd", 0.0, [("Class 3", None)])
    table = tmp_path / "table"
    table.mkdir()
    (table / "videos.csv").write_bytes(videos_table([VideoRow("x", "/x.mp4", 5.0, 5)]))
    (video,) = gather(str(table), BrowseOptions()).videos
    assert (video.seconds, video.parts) == (5.0, [])


def test_mistakes(tmp_path, place, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"empty: holds neither records nor videos\.csv; yt8m extract makes both"):
        make_page(str(empty))
    with pytest.raises(InputError, match="none: is no directory"):
        make_page(str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        make_page(str(place), BrowseOptions(clips="none.csv"))
    with pytest.raises(InputError, match=r"x\.txt: the page is HTML; name a file that ends in \.html"):
        check_page(tmp_path / "x.txt", BrowseOptions())
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(InputError, match=r"the page needs Jinja, .*: pip install 'yt8m\[report\]'"):
        require_jinja()
    with pytest.raises(InputError, match="Jinja"):
        make_page(str(place))


def test_the_command(place, tmp_path, capfd, monkeypatch):
    from yt8m.cli import main
    from yt8m.views.browse import serving
    from yt8m.views.browse.reading import ids_on

    def command(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["browse", *map(str, arguments), "--verbose"])
        return ended.value.code, *capfd.readouterr()

    out = tmp_path / "page.html"
    status, text, _ = command(place, "--out", out, "--title", "A & B", "--frames", "2", "--most-videos", "3")
    assert status == 0
    assert re.fullmatch(
        rf"{out}: 3 videos, 6 clips; 1 video more than --most-videos 3 left out; \d+\.\d kB; open it in a browser\n",
        text,
    )
    page = out.read_text()
    assert len(ids_on(out)) == 3
    assert ids_on(out) < {each.video_id for each in gather(str(place), BrowseOptions()).videos}
    assert "<h1>A &amp; B</h1>" in page
    assert "1 more video is not on this page" in page
    for arguments in ((place,), (place, "--out", out, "--serve")):
        status, _, err = command(*arguments)
        assert (status, err) == (
            2,
            "yt8m: --out FILE.html and --serve: give one of them (see yt8m browse --help)\n",
        ) or (status == 2 and "give one of them" in err)

    def stopped(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(serving.PageServer, "serve_forever", stopped)
    status, text, _ = command(place, "--serve", "--frames", "0")
    assert status == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/: 4 videos, 6 clips; Ctrl-C ends it\nended\n", text)


def test_the_page_says_cluster_as_the_table_of_clips_does():
    directory = Path(browse_package.__file__).parent
    for name in ("page.js", "page.css", "page.html"):
        assert not re.search(r"\bgroups?\b", (directory / name).read_text())
    assert (directory / "page.js").read_text().count("cluster ${clip.cluster}") == 4


def test_a_port_that_is_taken_is_told_before_the_work(place, capfd, monkeypatch):
    from yt8m.cli import main

    monkeypatch.setattr("yt8m.views.browse.building.make_page", lambda *_: pytest.fail("the page is made"))
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as ended:
        main(["browse", str(place), "--serve", "--port", str(taken.getsockname()[1]), "--verbose"])
    err = capfd.readouterr().err
    assert (ended.value.code, err.count("\n")) == (2, 1)
    assert "cannot be used" in err
