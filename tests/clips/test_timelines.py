"""Timelines: timecodes worked out by hand, and OTIO files as OpenTimelineIO reads them back."""

import opentimelineio
import pytest

from yt8m.clips import timelines
from yt8m.clips.media import Media, rate_of
from yt8m.clips.timelines import edl_parts, otio_of
from yt8m.data.tables.clips import Clip


def clips_of(times, scenes=None, labels=("Concert",), video="abcd"):
    scenes = scenes or [0] * (len(times) - 1)
    return [
        Clip(video, start, end, number % 2, labels, scene, start)
        for number, (start, end, scene) in enumerate(zip(times, times[1:], scenes, strict=False))
    ]


def test_an_edl_is_as_cmx_3600_has_it():
    """At 25 frames a second, 4.16 s are 104 frames: 4 s and 4. 75.5 s are 1887.5, and the even 1888 are 75 s and 13."""
    media = Media("a,b", "/videos/my band.mp4", 75.5, 25.0, channels=2)
    clips = clips_of([0.0, 4.16, 75.5], [0, 1], ("Concert", "Guitar"))
    assert edl_parts(media, clips) == [
        b"TITLE: a,b\r\n"
        b"FCM: NON-DROP FRAME\r\n"
        b"\r\n"
        b"001  AX       AA/V  C        00:00:00:00 00:00:04:04 00:00:00:00 00:00:04:04\r\n"
        b"* FROM CLIP NAME: my band.mp4\r\n"
        b"* COMMENT: scene 0, cluster 0, Concert, Guitar\r\n"
        b"002  AX       AA/V  C        00:00:04:04 00:01:15:13 00:00:04:04 00:01:15:13\r\n"
        b"* FROM CLIP NAME: my band.mp4\r\n"
        b"* COMMENT: scene 1, cluster 1, Concert, Guitar\r\n"
    ]


def times_of(content: bytes) -> list[list[str]]:
    return [line.split()[4:] for line in content.decode().splitlines() if line[:3].isdigit()]


def test_drop_frame_timecodes_keep_pace_with_the_clock():
    """At 29.97: in each minute but each tenth the frames 0 and 1 have no number. 60 s are 1798.2 frames, which is frame 1798;
    600 s are 17982.02 frames: the number 17982 is 10 minutes sharp, as 9 times 2 numbers were left out."""
    media = Media("x", None, 600, 29.97)
    (content,) = edl_parts(media, clips_of([0.0, 60.0, 61.0, 600.0]))
    assert b"FCM: DROP FRAME" in content
    # 61 s are 1828.17 frames. 1828 is 1800 + 28, and two numbers are left out: 00:01:00;30 is 00:01:01;00.
    assert [times[:2] for times in times_of(content)] == [
        ["00:00:00;00", "00:00:59;28"],
        ["00:00:59;28", "00:01:01;00"],
        ["00:01:01;00", "00:10:00;00"],
    ]


def test_rates_without_timecodes_use_a_multiple_or_a_part():
    given = [0, 25, 29.97, 30000 / 1001, 23.98, 24, 59.94, 15, 12.5, 7.5, 10, 5, 1, 100, 120, 14.985, 27.3, 1000]
    assert [round(rate_of(each), 3) for each in given] == [
        *(25, 25, 29.97, 29.97, 23.976, 24, 59.94, 30, 25, 30, 30, 25, 24, 50, 60, 29.97, 25, 50),
    ]


def test_an_edl_of_a_long_video_comes_in_parts(monkeypatch):
    monkeypatch.setattr(timelines, "MOST_EVENTS", 2)
    media = Media("v", None, 5, 25)
    first, second, third = edl_parts(media, clips_of([0, 1, 2, 3, 4, 5]))
    assert [part.splitlines()[0] for part in (first, second, third)] == [b"TITLE: v 1", b"TITLE: v 2", b"TITLE: v 3"]
    assert times_of(second)[0] == ["00:00:02:00", "00:00:03:00", "00:00:02:00", "00:00:03:00"]
    assert second.splitlines()[3].startswith(b"001")
    assert len(times_of(third)) == 1


def test_text_stays_on_its_line():
    media = Media("two\nlines" * 20, None, 5, 25)
    (content,) = edl_parts(media, clips_of([0, 5], labels=("A\nlabel",)))
    lines = content.decode().split("\r\n")
    assert len(lines[0]) == len("TITLE: ") + 70
    assert lines[-2] == "* COMMENT: scene 0, cluster 0, A label"
    assert lines[4].startswith("* FROM CLIP NAME: two linestwo lines")


@pytest.mark.parametrize(("channels", "name"), [(0, "V"), (1, "B"), (2, "AA/V"), (6, "AA/V")])
def test_channels(channels, name):
    (content,) = edl_parts(Media("v", None, 5, 25, channels), clips_of([0, 5]))
    assert content.splitlines()[3].split()[2].decode() == name


def test_an_otio_file_is_read_back():
    media = Media("vid", "/videos/my band.mp4", 75.5, 25.0, channels=1)
    clips = clips_of([0.0, 4.16, 10.0, 75.5], [0, 0, 1], ("Concert", "Guitar"))
    timeline = opentimelineio.adapters.read_from_string(otio_of(media, clips), "otio_json")
    assert timeline.name == "vid"
    assert [track.kind for track in timeline.tracks] == ["Video", "Audio"]
    for track in timeline.tracks:
        spans = [clip.source_range for clip in track]
        assert [(span.start_time.value, span.duration.value, span.start_time.rate) for span in spans] == [
            (0, 104, 25),
            (104, 146, 25),
            (250, 1638, 25),
        ]
        assert [track.range_of_child(clip).start_time.value for clip in track] == [0, 104, 250]
    pictures = timeline.tracks[0]
    assert [[marker.name for marker in clip.markers] for clip in pictures] == [["Scene 0"], [], ["Scene 1"]]
    assert pictures[2].markers[0].marked_range.start_time.value == 250
    assert pictures[1].media_reference.target_url == "file:///videos/my%20band.mp4"
    assert pictures[1].media_reference.available_range.duration.value == 1888
    assert pictures[1].name == "Concert, Guitar"
    found = dict(pictures[1].metadata["yt8m"])
    assert list(found.pop("labels")) == ["Concert", "Guitar"]
    assert found == {"video": "abcd", "cluster": 1, "scene": 0, "second": 4.16}


def test_an_otio_file_of_a_video_that_is_not_at_hand():
    content = otio_of(Media("v\udcff", None, 5), clips_of([0, 5], labels=()))
    (track,) = opentimelineio.adapters.read_from_string(content, "otio_json").tracks
    assert track[0].media_reference.is_missing_reference
    assert (track[0].name, track[0].source_range.duration.to_seconds()) == ("Clip 0", 5)


def test_clips_shorter_than_a_frame_still_have_one():
    (content,) = edl_parts(Media("v", None, 2, 25), clips_of([0, 1.0, 1.01, 2]))
    assert [times[:2] for times in times_of(content)] == [
        ["00:00:00:00", "00:00:01:00"],
        ["00:00:01:00", "00:00:01:01"],
        ["00:00:01:01", "00:00:02:00"],
    ]
