"""Clips named by a run, against the labels of records that hold the clips alone."""

import itertools

import numpy as np
import pytest

from yt8m.clips.clipping import make_clips
from yt8m.data.opening import open_source
from yt8m.data.records import frame_level_record, framed, read_framing
from yt8m.data.stored_videos import read_stored_videos
from yt8m.labelling.labelling import label


@pytest.mark.thorough
def test_clips_have_the_labels_that_the_run_gives_their_frames(sample, once_trained, tmp_path):
    run, source = once_trained(), sample / "2/frame/validate/validate0000.tfrecord"
    (tmp_path / "vocabulary.csv").write_bytes((sample / "vocabulary.csv").read_bytes())
    records = str(tmp_path / "two.tfrecord")
    (tmp_path / "two.tfrecord").write_bytes(
        b"".join(framed(raw.data) for raw in itertools.islice(read_framing(str(source)), 2))
    )
    result = make_clips(tmp_path / "clips", [records], run=run, timelines="none")
    assert result.problems == []
    videos = {video.video_id: video.streams for video in read_stored_videos(open_source(records))}
    parts = [
        frame_level_record(str(number), None, cut(videos[clip.video], int(clip.start), int(clip.end)))
        for number, clip in enumerate(result.clips)
    ]
    (tmp_path / "parts.tfrecord").write_bytes(b"".join(map(framed, parts)))
    expected = label([str(tmp_path / "parts.tfrecord")], run).videos
    assert len(expected) == len(result.clips)
    assert any(clip.labels for clip in result.clips)
    for clip, video in zip(result.clips, expected, strict=True):
        assert clip.labels == tuple(each.name for each in video.labels)


def cut(streams, start, end):
    return {name: frames[start:end] for name, frames in streams.items()}


@pytest.mark.thorough
def test_a_run_that_cannot_read_the_features_is_told_for_each_video(once_trained, tmp_path):
    frames = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    path = tmp_path / "x.tfrecord"
    path.write_bytes(framed(frame_level_record("a", [3], {"own": frames})))
    result = make_clips(tmp_path / "clips", [str(path)], run=once_trained(), timelines="none")
    assert {clip.labels for clip in result.clips} == {()}
    assert len(result.problems) == 1
    assert "x.tfrecord, record 0: has own, and" in result.problems[0]
