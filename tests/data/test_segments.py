"""What segments come with: frames around them, their whole videos, means. `test_parsing` has the segments alone."""

import numpy as np
import pytest
from slow_reading import SIZES, assert_equal, elements_of, make_frames, protos, segment_level, write

from yt8m.data.options import Frames
from yt8m.data.pipeline import make_dataset
from yt8m.data.quantisation import dequantise
from yt8m.data.records import Ratings, frame_level_record
from yt8m.data.source import Source

MAX_LABELS = 4


def rated(video_id, *starts, **counts):
    random = np.random.default_rng(len(video_id))
    ratings = Ratings(
        start_times=starts,
        end_times=[start + 5 for start in starts],
        labels=[2] * len(starts),
        scores=[float(index % 2) for index in range(len(starts))],
    )
    return frame_level_record(video_id, [1, 2], make_frames(random, **counts), ratings)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write(
        tmp_path_factory.mktemp("segments") / "validate0000.tfrecord",
        rated("both ends", 0, 15, rgb=20, audio=20),
        rated("amid", 20, 10, rgb=40, audio=40),
        rated("shorter than its surroundings", 0, rgb=7, audio=7),
        rated("short audio", 0, 5, rgb=11, audio=10),
        rated("no audio", 5, rgb=12),
        rated("ends amid the segment", 5, rgb=7, audio=7),
    )


def read(file, segments="rated", **changes):
    source = Source((file,), "segment", tuple(SIZES), num_classes=5, max_labels=MAX_LABELS, **changes)
    return elements_of(make_dataset(source, 4, Frames(segments=segments)))


@pytest.mark.parametrize("around", [1, 3, 30])
@pytest.mark.parametrize("which", ["rated", "all"])
def test_frames_around_a_segment_as_far_as_the_video_has_them(file, around, which):
    expected = [
        element for example in protos(file) for element in segment_level(example, MAX_LABELS, which == "rated", around)
    ]
    assert_equal(read(file, which, context=around), expected)


def test_how_many_frames_are_around_in_figures(file):
    found = [(element["id"].decode(), int(element["num_frames"])) for element in read(file, context=3)]
    assert found == [
        *(("both ends", 8), ("both ends", 8), ("amid", 11), ("amid", 11)),
        *(("shorter than its surroundings", 7), ("short audio", 8), ("short audio", 8)),
        *(("no audio", 10), ("ends amid the segment", 5)),
    ]


def test_the_whole_video_as_a_stream_of_its_own(file):
    """The middles of 4 equal parts, by hand: of 20 frames 2, 7, 12, 17; of 40 5, 15, 25, 35."""
    alone = read(file)
    found = read(file, context="video", context_num_frames=4)
    frames = {example.context.feature["id"].bytes_list.value[0]: example for example in protos(file)}
    for element, without in zip(found, alone, strict=True):
        assert_equal([{key: element[key] for key in without}], [without])
        example, count = frames[element["id"]].feature_lists.feature_list, element["context_num_frames"]
        assert count == 4
        length = min(len(example[name].feature) for name in SIZES if example[name].feature)
        rows = [(2 * part + 1) * length // 8 for part in range(4)]
        if length in (20, 40):
            assert rows == {20: [2, 7, 12, 17], 40: [5, 15, 25, 35]}[length]
        for name, size in SIZES.items():
            stored = [feature.bytes_list.value[0] for feature in example[name].feature]
            expected = [np.frombuffer(stored[row], np.uint8) if stored else np.full(size, 127) for row in rows]
            np.testing.assert_array_equal(element[f"context_{name}"], expected)


def test_a_video_with_fewer_frames_than_the_context_shows_all_it_has(file):
    (element,) = [each for each in read(file, context="video", context_num_frames=9) if b"shorter" in each["id"]]
    assert element["context_num_frames"] == 7
    assert not element["context_rgb"][7:].any()
    np.testing.assert_array_equal(element["context_rgb"][:5], element["rgb"])


@pytest.mark.parametrize("context", [0, 2, "video"])
def test_means_in_place_of_frames(file, context):
    frames = read(file, context=context, context_num_frames=6)
    means = read(file, context=context, context_num_frames=6, as_means=True)
    for element, expected in zip(means, frames, strict=True):
        for prefix in ("", "context_") if context == "video" else ("",):
            count = expected.pop(f"{prefix}num_frames")
            for name in SIZES:
                of_frames = dequantise(expected.pop(f"{prefix}{name}")[:count]).astype(np.float64).mean(axis=0)
                np.testing.assert_allclose(element.pop(f"{prefix}mean_{name}"), of_frames, atol=1e-6)
        assert_equal([element], [expected])


def test_the_mean_of_no_frames_is_zero(tmp_path):
    path = write(tmp_path / "a.tfrecord", frame_level_record("none", [1], make_frames(np.random.default_rng(0))))
    source = Source((path,), "frame", tuple(SIZES), num_classes=5, max_labels=MAX_LABELS, as_means=True)
    (element,) = elements_of(make_dataset(source, 4))
    assert not element["mean_rgb"].any()
    assert not element["mean_audio"].any()
