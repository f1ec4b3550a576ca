"""Thumbnails of a video in the picture of its record."""

import numpy as np
import pytest

from yt8m.data.records import frame_level_record, framed, video_level_record
from yt8m.data.tables.videos import VideoRow, videos_table
from yt8m.errors import InputError
from yt8m.progress import Messages
from yt8m.video.making import make_videos
from yt8m.views import picture
from yt8m.views.picture import draw_video
from yt8m.views.thumbnails import seconds_of, take_thumbnails, with_thumbnails
from yt8m.views.video import view_video


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A video of four seconds."""
    directory = tmp_path_factory.mktemp("films") / "made"
    make_videos(directory, num_videos=1, seconds=4)
    return str(next(directory.glob("*.mp4")))


@pytest.fixture
def records(tmp_path, film):
    """A record of that video, one of a video that is gone, and one of means; `videos.csv` knows the first two."""
    frames = {"rgb": np.zeros((4, 1024), np.uint8), "audio": np.zeros((4, 128), np.uint8)}
    means = {"rgb": np.zeros(1024, np.float32), "audio": np.zeros(128, np.float32)}
    (tmp_path / "x.tfrecord").write_bytes(
        b"".join(framed(frame_level_record(name, [1], frames)) for name in ("here", "gone", "unknown"))
    )
    (tmp_path / "means.tfrecord").write_bytes(framed(video_level_record("means", [1], means)))
    rows = [VideoRow("here", film, 4.0, 4), VideoRow("gone", str(tmp_path / "gone.mp4"), 4.0, 4)]
    (tmp_path / "videos.csv").write_bytes(videos_table(rows))
    return tmp_path


@pytest.mark.parametrize(
    ("seconds", "most", "expected"),
    [(8.0, 4, [1, 3, 5, 7]), (2.5, 8, [0.625, 1.875]), (0.4, 8, [0.2]), (3.0, 1, [1.5])],
)
def test_times_are_the_middles_of_equal_parts(seconds, most, expected):
    assert seconds_of(seconds, most) == pytest.approx(expected)


def test_the_table_of_videos_names_the_file(records, film, tmp_path, monkeypatch):
    view = with_thumbnails(view_video("here", str(records / "x.tfrecord")))
    assert [each.shape for each in view.thumbnails] == [(90, 160, 3)] * 4
    for mine, other in zip(view.thumbnails, take_thumbnails(film, 4.0, 8, 90), strict=True):
        np.testing.assert_array_equal(mine, other)
    drawn = []
    monkeypatch.setattr(picture, "save_figure", lambda figure, path: drawn.append(figure))
    draw_video(view, tmp_path / "x.png")
    features, strip = drawn[0].axes
    assert [image.get_extent() for image in strip.images] == [[n, n + 1, 0, 1] for n in range(4)]
    assert strip.get_xlim() == features.get_xlim() == (0, 4)


def test_files_that_are_not_there(records, film, tmp_path):
    path = str(records / "x.tfrecord")
    messages = Messages()
    assert with_thumbnails(view_video("gone", path), progress=messages).thumbnails == ()
    assert messages.lines == [f"no thumbnails: {tmp_path / 'gone.mp4'}: is gone"]
    assert with_thumbnails(view_video("unknown", path), progress=messages).thumbnails == ()
    assert len(with_thumbnails(view_video("unknown", path), film).thumbnails) == 4
    with pytest.raises(InputError, match=r"none\.mp4: is gone"):
        with_thumbnails(view_video("here", path), "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"text\.mp4"):
        with_thumbnails(view_video("here", path), str(tmp_path / "text.mp4"))
    messages = Messages()
    means = with_thumbnails(view_video("means", str(records / "means.tfrecord")), film, messages)
    assert means.thumbnails == ()
    assert "has no frames, and so no time" in messages.lines[0]


def test_the_command_takes_a_file(records, film, tmp_path, capfd):
    from yt8m.cli import main

    out = tmp_path / "x.png"
    with pytest.raises(SystemExit) as ended:
        main(
            ["show", "unknown", "--data", str(records / "x.tfrecord"), "--video", film, "--out", str(out), "--verbose"]
        )
    assert ended.value.code == 0
    assert out.stat().st_size > 10_000
    capfd.readouterr()
