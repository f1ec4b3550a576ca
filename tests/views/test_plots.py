"""What is counted for the pictures of many records is what counting by hand gives, and it is what is drawn."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.image import imread

from yt8m.data.checking import level_of
from yt8m.data.records import frame_level_record, framed, video_level_record
from yt8m.data.tools.inspection import inspect
from yt8m.views import plots, statistics
from yt8m.views.plots import Plots, conditional_shares
from yt8m.views.statistics import (
    QUANTILES,
    Statistics,
    place_of_shard,
    shard_characters,
)


def frames(length, seed=0):
    random = np.random.default_rng(seed)
    return {name: random.integers(0, 256, (length, size), np.uint8) for name, size in (("rgb", 1024), ("audio", 128))}


def add(counted, record, path="train0000.tfrecord"):
    example = tf.train.SequenceExample.FromString(record)
    counted.add(path, example, level_of(example))


def with_labels(*labels):
    return frame_level_record("abcd", labels, frames(1))


def test_counts_of_frames_labels_and_classes():
    counted = Statistics()
    for length, labels in ((3, [5]), (3, [5, 9]), (7, None), (1, []), (2, [9, 5, 5])):
        add(counted, frame_level_record("abcd", labels, frames(length)))
    assert counted.num_videos == 5
    assert dict(counted.frames) == {1: 1, 2: 1, 3: 2, 7: 1}
    assert dict(counted.labels) == {0: 1, 1: 1, 2: 2}, "the video without the key has no number of labels"
    assert dict(counted.classes) == {5: 3, 9: 2}


@pytest.mark.parametrize("at_once", [1, 3, 4096])
def test_classes_together(at_once, monkeypatch):
    monkeypatch.setattr(statistics, "_VIDEOS_AT_ONCE", at_once)
    counted = Statistics()
    for labels in ([7], [7, 2], [2, 900], [7, 900, 2], [11], [7, 2], []):
        add(counted, with_labels(*labels))
    assert counted.most_frequent(3) == [2, 7, 900]
    expected = [[4, 3, 2], [3, 4, 1], [2, 1, 2]]
    np.testing.assert_array_equal(counted.together([2, 7, 900]), expected)
    np.testing.assert_array_equal(counted.together([11, 2]), [[1, 0], [0, 4]])
    shares = conditional_shares(np.array(expected))
    np.testing.assert_allclose(shares, [[np.nan, 3 / 4, 1 / 2], [3 / 4, np.nan, 1 / 4], [1, 1 / 2, np.nan]])


def test_quantiles_of_frames_are_exact():
    counted, stored = Statistics(), [frames(length, seed) for seed, length in enumerate((4, 9, 1))]
    for each in stored:
        add(counted, frame_level_record("abcd", None, each))
    for name in ("rgb", "audio"):
        values = np.concatenate([each[name] for each in stored]).astype(np.float64) * 4 / 255 + 4 / 512 - 2
        expected = np.quantile(values, QUANTILES, axis=0, method="inverted_cdf").T
        np.testing.assert_allclose(counted.features[name].quantiles(), expected, atol=1e-6)


def test_quantiles_of_means_are_within_half_a_bin():
    random, counted = np.random.default_rng(0), Statistics()
    means = random.normal(size=(40, 1024)).astype(np.float32).clip(-2.9, 2.9)
    for row in means:
        add(counted, video_level_record("abcd", None, {"rgb": row}))
    expected = np.quantile(means, QUANTILES, axis=0, method="inverted_cdf").T
    np.testing.assert_allclose(counted.features["mean_rgb"].quantiles(), expected, atol=1 / 512)
    np.testing.assert_array_equal(counted.features["mean_rgb"].quantiles()[:, [0, -1]], expected[:, [0, -1]])
    assert set(counted.features) == {"mean_rgb"}


def bands(axes):
    """The lower and upper edges of what is filled, in the order of drawing, float [3, 2, D]."""
    edges = []
    for area in axes.collections:
        # There along the lower edge and back along the upper one, two corners a dimension, with one more at each end.
        there, back = np.split(area.get_paths()[0].vertices[:-1], 2)
        edges.append([there[1::2, 1], back[1::2, 1][::-1]])
    return np.array(edges)


def test_means_far_outside_keep_their_ends_and_the_picture_says_that_it_is_cut(figures, tmp_path):
    means = np.tile(np.linspace(-1, 1, 128, dtype=np.float32), (40, 1))
    means[7, 3], means[9, 3], means[5, 4], means[:, 6] = 1e38, -5, 4, 1e30
    path = tmp_path / "x.tfrecord"
    path.write_bytes(b"".join(framed(video_level_record("abcd", None, {"audio": row})) for row in means))
    pictures = Plots(str(tmp_path / "out"), [str(path)])
    inspect([str(path)], pictures.statistics.add)
    found = pictures.statistics.features["mean_audio"].quantiles()
    expected = np.quantile(means.astype(np.float64), QUANTILES, axis=0, method="inverted_cdf").T
    np.testing.assert_allclose(found, expected, rtol=0, atol=1 / 512)
    pictures.draw()
    (axes,) = figures["features"].axes
    assert axes.get_title(loc="left") == "mean_audio from -5 to 1e+38, cut at -3 and 3"
    np.testing.assert_allclose(bands(axes)[0], expected[:, [0, -1]].T.clip(-3, 3), atol=1e-9)
    assert max(map(abs, axes.get_ylim())) < 4


@pytest.mark.parametrize(
    ("path", "characters"),
    [
        ("a/train0000.tfrecord", "aa"),
        ("validate0026.tfrecord", "aA"),
        ("train0939.tfrecord", "pj"),
        ("test3843.tfrecord", "99"),
        ("test0z.tfrecord", "0z"),
        ("test3844.tfrecord", None),
        ("mine.tfrecord", None),
    ],
)
def test_characters_of_a_shard(path, characters):
    assert shard_characters(path) == characters


def test_decoys_begin_with_their_shard_and_are_flat():
    counted = Statistics()
    flat, usual = np.zeros(1024, np.float32), np.zeros(1024, np.float32)
    flat[:512], usual[:512] = 0.1, 1.0  # standard deviations .05 and .5
    for video_id, values, path in (
        ("0zab", flat, "test0z.tfrecord"),
        ("0zcd", flat, "test0z.tfrecord"),
        ("ab0z", usual, "test0z.tfrecord"),
        ("efgh", usual, "test0z.tfrecord"),
        ("ijkl", flat, "mine.tfrecord"),
    ):
        add(counted, video_level_record(video_id, None, {"rgb": values}), path)
    found = {place: np.flatnonzero(counts).tolist() for place, counts in counted.spreads.items()}
    assert found == {"begins": [5], "ends": [50], "neither": [50], "unknown": [5]}
    assert counted.spreads["begins"][5] == 2
    assert dict(counted.num_flat) == {"begins": 2, "ends": 0, "neither": 0, "unknown": 1}
    whole = Statistics()
    halves = np.full((2, 1024), 127, np.uint8)
    halves[:, :512] = 159  # 32 steps of 4/255: half of that is the deviation
    add(whole, frame_level_record("abcd", None, {"rgb": halves}))
    assert np.flatnonzero(whole.spreads["neither"]).tolist() == [int(32 * 4 / 255 / 2 / 0.01)]


def test_real_decoys(real_data):
    counted = Statistics()
    inspect([str(real_data / "video_2018/test0z.tfrecord")], counted.add)
    assert {place: counts.sum() for place, counts in counted.spreads.items()} == {"begins": 161, "ends": 144}
    assert dict(counted.num_flat) == {"begins": 161, "ends": 0}


def test_an_id_may_be_anything():
    assert place_of_shard(b"\xff\xfe", "test0z.tfrecord") == "neither"


@pytest.fixture
def figures(monkeypatch):
    drawn = {}
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: drawn.update({path.stem: figure}))
    return drawn


def frames_of(files, key):
    """All frames of some files, a list of uint8 [T, D], read by TensorFlow."""
    lists = [
        tf.train.SequenceExample.FromString(record.numpy()).feature_lists.feature_list[key].feature
        for record in tf.data.TFRecordDataset(files)
    ]
    return [np.stack([np.frombuffer(frame.bytes_list.value[0], np.uint8) for frame in each]) for each in lists]


@pytest.mark.thorough
def test_what_is_drawn(sample, tmp_path, figures):
    files = sorted(map(str, (sample / "2/frame/train").iterdir()))
    pictures = Plots(str(tmp_path / "out"), files)
    report = inspect(files, pictures.statistics.add)
    drawn, reasons = pictures.draw()
    assert reasons == {"decoys": "no id begins with the two characters of its shard"}
    assert [Path(path).stem for path in drawn] == list(figures) == [name for name in plots.PICTURES if name != "decoys"]
    counted = pictures.statistics
    assert counted.num_videos == report["num_records"] == 64
    for name, counts in (("frames", counted.frames), ("labels", counted.labels)):
        (axes,) = figures[name].axes
        assert sum(bar.get_height() for bar in axes.patches) == 64
        mean = report[f"num_{name}"]["mean"]
        np.testing.assert_allclose(axes.lines[0].get_xdata(), mean)
        assert axes.get_legend().get_texts()[0].get_text() == f"mean {mean:.1f}; {min(counts)} to {max(counts)}"
    ranks, named = figures["classes"].axes
    assert ranks.lines[0].get_ydata().tolist() == sorted(counted.classes.values(), reverse=True)
    assert (ranks.get_xscale(), ranks.get_yscale()) == ("log", "log")
    assert [bar.get_width() for bar in named.patches] == sorted(counted.classes.values(), reverse=True)
    assert "Class 0" in {text.get_text() for text in named.get_yticklabels()}
    heat = figures["cooccurrence"].axes[0].images[0].get_array()
    most = counted.most_frequent(30)
    np.testing.assert_allclose(heat.filled(np.nan), conditional_shares(counted.together(most)))
    for axes, key in zip(figures["features"].axes, ("rgb", "audio"), strict=True):
        values = np.concatenate(frames_of(files, key)).astype(np.float64) * 4 / 255 + 4 / 512 - 2
        quantiles = np.quantile(values, QUANTILES, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(axes.lines[0].get_ydata(), quantiles[3], atol=1e-6)
        pairs = [quantiles[[low, high]] for low, high in ((0, 6), (1, 5), (2, 4))]
        np.testing.assert_allclose(bands(axes), pairs, atol=1e-6)
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert (axes.get_title(loc="left"), labels) == (key, ["all", "5 to 95 %", "25 to 75 %", "median"])


@pytest.mark.thorough
def test_decoys_are_drawn_where_an_id_says_so(tmp_path, figures):
    usual = np.zeros(1024, np.float32)
    usual[:512] = 1
    for file, ids, is_drawn in (
        ("test0z", ("ab0z", "0zab"), True),
        ("test0z", ("ab0z", "0z0z"), False),  # both ends: as a video's id ends
        ("test0z", ("abcd",), False),
        ("mine", ("0zab",), False),
        ("train0z", ("0zab", *(f"v{index:03d}" for index in range(199))), False),  # as one of random ids does
    ):
        figures.clear()
        path = tmp_path / f"{file}.tfrecord"
        path.write_bytes(b"".join(framed(video_level_record(each, [1], {"rgb": usual})) for each in ids))
        pictures = Plots(str(tmp_path / "out"), [str(path)])
        inspect([str(path)], pictures.statistics.add)
        _, reasons = pictures.draw()
        assert ("decoys" in figures, "decoys" not in reasons) == (is_drawn, is_drawn), (file, ids)
        if is_drawn:
            assert sum(bar.get_height() for bar in figures["decoys"].axes[0].patches) == 2


def test_where_there_is_nothing_the_picture_of_classes_together_is_light():
    counted = Statistics()
    for labels in ([0, 1], [0], [2]):
        add(counted, with_labels(*labels))
    axes, bar = plots._draw_together(counted, {}).axes
    (image,) = axes.images
    assert min(image.cmap(image.norm(0.0))[:3]) > 0.9
    assert max(image.cmap(image.norm(1.0))[:3]) < 0.5
    assert bar.get_ylabel() == "share of the row's videos that have the column's class too"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([[0], [1]], "no video has two of the most frequent classes"),
        ([[3], [3]], "one class alone"),
        ([[0], [0, 1]], None),
    ],
)
def test_classes_that_are_never_together_are_not_drawn(labels, reason, tmp_path, figures):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(b"".join(framed(with_labels(*each)) for each in labels))
    pictures = Plots(str(tmp_path / "out"), [str(path)])
    inspect([str(path)], pictures.statistics.add)
    assert pictures.draw()[1].get("cooccurrence") == reason
    assert ("cooccurrence" in figures) == (reason is None)


@pytest.mark.thorough
def test_no_legend_hides_what_is_drawn(sample, tmp_path, figures):
    files = sorted(map(str, (sample / "2/frame/train").iterdir()))
    pictures = Plots(str(tmp_path / "out"), files)
    inspect(files, pictures.statistics.add)
    pictures.draw()
    for name, figure in figures.items():
        figure.draw_without_rendering()
        for axes in figure.axes:
            if legend := axes.get_legend():
                assert legend.get_window_extent().y0 >= axes.get_window_extent().y1, name
                (title,) = [
                    each
                    for each in axes.get_children()
                    if axes.get_title(loc="left") == getattr(each, "get_text", str)()
                ]
                assert legend.get_window_extent().x0 > title.get_window_extent().x1, name


def ticks(axis):
    """The numbers at an axis as they are written, of those that are seen."""
    low, high = axis.get_view_interval()
    ticks = zip(axis.get_majorticklocs(), axis.get_major_ticks(), strict=True)
    return [tick.label1.get_text() for place, tick in ticks if low <= place <= high]


@pytest.mark.parametrize(
    ("videos_of_classes", "at_ranks", "at_videos"),
    [
        ([1, 1, 1], "1 2 3", "1"),
        ([14, 13], "1 2", "10"),
        ([300, 40, 2], "1 2 3", "2 5 10 20 50 100 200"),
        ([1234, 1], "1 2", "1 10 100 1,000"),
    ],
)
def test_few_videos_are_counted_in_whole_numbers(videos_of_classes, at_ranks, at_videos):
    counted = Statistics(num_videos=4)
    for label, count in enumerate(videos_of_classes):
        counted.classes[label] = count
    counted.spreads["neither"] = np.zeros(200, np.int64)
    counted.spreads["neither"][[30, 52]] = 1
    counted.num_flat["neither"] = 0
    classes, decoys = plots._draw_classes(counted, {}), plots._draw_decoys(counted, {})
    for figure in (classes, decoys):
        figure.draw_without_rendering()
    ranks, named = classes.axes
    assert ticks(ranks.xaxis) == at_ranks.split()
    assert ticks(ranks.yaxis) == at_videos.split()
    for (low, high), values in ((ranks.get_xlim(), [1, len(videos_of_classes)]), (ranks.get_ylim(), videos_of_classes)):
        assert low < min(values) <= max(values) < high
    for axis in (ranks.xaxis, ranks.yaxis, named.xaxis, decoys.axes[0].yaxis):
        places = np.concatenate([axis.get_majorticklocs(), axis.get_minorticklocs()])
        np.testing.assert_array_equal(places, np.rint(places))
    bars = decoys.axes[0].patches
    assert max(bar.get_x() + bar.get_width() for bar in bars if bar.get_height()) < decoys.axes[0].get_xlim()[1]
    assert decoys.axes[0].get_xlabel() == "standard deviation over the dimensions of mean rgb"


def test_a_bar_of_all_that_is_greater_says_so():
    counted = Statistics(num_videos=1)
    add(counted, video_level_record("abcd", None, {"rgb": np.tile(np.float32([-9, 9]), 512)}))
    axes = plots._draw_decoys(counted, {}).axes[0]
    assert axes.get_xlabel() == "standard deviation over the dimensions of mean rgb (the last bar: all from 1.99 on)"
    assert [bar.get_height() for bar in axes.patches][-1] == 1


@pytest.mark.parametrize(("labels", "limits"), [([[0], [1], [2]], (0, 1)), ([[0], [0, 1], [0], [0]], (0, 1))])
def test_shares_of_classes_have_colours_from_0_on(labels, limits):
    counted = Statistics()
    for each in labels:
        add(counted, with_labels(*each))
    (image,) = plots._draw_together(counted, {}).axes[0].images
    assert image.get_clim() == limits


def test_what_there_is_not_is_said_and_not_drawn(tmp_path, figures):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(framed(video_level_record("abcd", None, {"audio": np.zeros(128, np.float32)})))
    pictures = Plots(str(tmp_path / "out"), [str(path)])
    inspect([str(path)], pictures.statistics.add)
    drawn, reasons = pictures.draw()
    assert drawn == [str(tmp_path / "out/features.png")]
    assert reasons == {
        "frames": "video level",
        **dict.fromkeys(("labels", "classes", "cooccurrence"), "no labels"),
        "decoys": "no rgb",
    }


def run(capfd, *arguments):
    from yt8m.cli import main

    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--verbose"])
    return ended.value.code, *capfd.readouterr()


@pytest.mark.thorough
def test_the_command_draws(sample, tmp_path, capfd):
    status, out, _ = run(capfd, "inspect", sample / "2/frame/validate", "--plots", tmp_path / "some/pictures")
    assert status == 0
    assert out.splitlines()[0].split() == ["level", "frame"]
    files = [tmp_path / f"some/pictures/{name}.png" for name in plots.PICTURES if name != "decoys"]
    assert out.splitlines()[-6:] == [
        *(f"{path}: drawn" for path in files),
        "decoys: not drawn: no id begins with the two characters of its shard",
    ]
    assert sorted(path.name for path in (tmp_path / "some/pictures").iterdir()) == sorted(path.name for path in files)
    assert all(imread(path).ndim == 3 for path in files)


def test_mistakes_are_one_line_and_leave_nothing(sample, tmp_path, capfd):
    data, file = sample / "2/frame/validate", tmp_path / "file"
    file.touch()
    broken = tmp_path / "x.tfrecord"
    broken.write_bytes(framed(b"\xff"))
    two = tmp_path / "two.tfrecord"
    two.write_bytes(framed(video_level_record("", None, {"rgb": np.zeros(1024, np.float32)})) + framed(b"\xff"))
    for flags, message in (
        ((data, "--plots", file), f"{file}: cannot be made (File exists); choose another place"),
        ((data, "--plots", tmp_path / "out", "--vocabulary", "none.csv"), "none.csv: cannot be read"),
        ((data, "--vocabulary", sample / "vocabulary.csv"), "--vocabulary only names the classes of pictures"),
        (
            (broken, "--plots", tmp_path / "out"),
            f"there is nothing to draw: the only record cannot be used; {broken}, record 0: is no tf.train.Example",
        ),
        (
            (two, broken, "--plots", tmp_path / "out"),
            f"there is nothing to draw: none of 3 records can be used; {two}, record 0: has an unusable id",
        ),
        ((file, "--plots", tmp_path / "out"), f"nothing to draw: there are no records; {file}: the file is empty"),
    ):
        status, out, err = run(capfd, "inspect", *flags)
        assert (status, out, len(err.splitlines())) == (2, "", 1)
        assert message in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "two.tfrecord", "x.tfrecord"]
