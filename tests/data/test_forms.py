"""Features that no table lists are found by the form of their values."""

import numpy as np
import pytest
from refused import refusal
from slow_reading import edited, write

from yt8m.data import remarks
from yt8m.data.checking import check_record
from yt8m.data.extraction import Extraction, NetworkChoice, write_extraction
from yt8m.data.features import DEFAULT_FEATURES, KNOWN, Feature, texts_of
from yt8m.data.forms import forms_of
from yt8m.data.opening import open_source
from yt8m.data.protos import SequenceExample
from yt8m.data.records import frame_level_record, video_level_record
from yt8m.data.sources import expand_paths
from yt8m.data.survey import survey
from yt8m.data.tools.inspection import inspect
from yt8m.errors import RecordError

RANDOM = np.random.default_rng(0)


def frames(name: str, **streams: np.ndarray) -> bytes:
    return frame_level_record(name, [1], streams)


def floats(length: int = 7, size: int = 5) -> np.ndarray:
    return RANDOM.normal(0, 1, (length, size)).astype(np.float32)


def stored(length: int = 7, size: int = 6) -> np.ndarray:
    return RANDOM.integers(0, 256, (length, size), np.uint8)


def known(name: str, length: int = 7) -> np.ndarray:
    return stored(length, KNOWN[name].size)


def found(*paths: str) -> tuple[str, ...]:
    return texts_of(survey(paths).features)


class TestFrames:
    def test_floats_and_bytes_of_one_size(self, tmp_path):
        path = write(
            tmp_path / "a.tfrecord",
            frames("a", clip=floats(), tags=stored(), rgb=known("rgb")),
            frames("b", clip=floats(3)),
        )
        assert found(path) == ("rgb", "clip:5:float32", "tags:6")
        assert survey([path]).level == "frame"
        assert open_source(path).features == survey([path]).features

    def test_halves_are_bytes_until_somebody_says_so(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", frames("a", clip=floats().astype(np.float16)))
        assert found(path) == ("clip:10",)
        assert texts_of(open_source(path, features=("clip:5:float16",)).features) == ("clip:5:float16",)

    def test_an_extraction_says_which_range_bytes_stand_for(self, tmp_path):
        rows = (Feature("clip", 5, "float16"), Feature("tags", 6, "uint8", -5.0, 7.0), Feature("rgb", 9))
        write_extraction(tmp_path / "extraction.json", Extraction(NetworkChoice("own"), {}, rows))
        (tmp_path / "train").mkdir()
        record = frames("a", clip=floats().astype(np.float16), tags=stored(), rgb=known("rgb"))
        path = write(tmp_path / "train" / "a.tfrecord", record)
        assert found(path) == ("rgb", "clip:5:float16", "tags:6:uint8:-5:7")  # its rgb is another one
        (tmp_path / "extraction.json").write_text("damaged")
        assert found(write(tmp_path / "train" / "b.tfrecord", record)) == ("rgb", "clip:10", "tags:6")

    def test_a_known_name_in_another_form(self, tmp_path):
        """As long as all records agree. If not, those that differ are broken."""
        path = write(tmp_path / "a.tfrecord", frames("a", rgb=stored(7, 2048)), frames("b", rgb=stored(2, 2048)))
        other = write(tmp_path / "b.tfrecord", frames("c", rgb=known("rgb")))
        assert (found(path), found(path, other)) == (("rgb:2048",), ("rgb",))

    @pytest.mark.parametrize("name", ["mean_x", "labels", "a/b", "segment_x"])
    def test_keys_that_are_no_names(self, name):
        example = SequenceExample.FromString(frames("a", **{name: floats()}))
        assert forms_of(example) == {}

    def test_forms_that_are_none(self):
        def spoil(example):
            lists = example.feature_lists.feature_list
            lists["numbers"].feature.add().int64_list.value.append(1)
            for size in (3, 4):
                lists["unequal"].feature.add().bytes_list.value.append(bytes(size))
            lists["pairs"].feature.add().bytes_list.value.extend([b"a", b"b"])
            lists["mixed"].feature.add().bytes_list.value.append(b"abcd")
            lists["mixed"].feature.add().float_list.value.extend([1.0] * 4)
            lists["hollow"].feature.add().float_list.value.extend([])
            lists["nothing"].SetInParent()
            lists["unsaid"].feature.add()

        example = SequenceExample.FromString(edited(frames("a", rgb=known("rgb")), spoil))
        others = dict.fromkeys(["numbers", "unequal", "pairs", "mixed", "hollow", "unsaid"])
        assert forms_of(example) == {"rgb": KNOWN["rgb"], **others}

    def test_most_records_decide_and_the_others_are_broken(self, tmp_path):
        records = [frames("a", clip=floats(2, 4)), *(frames(name, clip=floats()) for name in "bcd")]
        path = write(tmp_path / "a.tfrecord", *records)
        assert found(path) == ("clip:5:float32",)
        report = inspect([path])
        assert (report["num_records"], report["features"]) == (3, {"clip": 5})
        assert report["corrupt_files"] == [{"path": path, "record": 0, "reason": "clip frame 0 has 4 values, not 5"}]

    def test_texts_of_many_lengths_are_no_feature(self, tmp_path):
        """One word a video, for one second: of one size within each record."""
        records = [
            frames(name, rgb=known("rgb", 1), word=stored(1, size)) for name, size in zip("abc", (3, 5, 8), strict=True)
        ]
        path = write(tmp_path / "a.tfrecord", *records)
        assert found(path) == ("rgb",)
        assert inspect([path])["num_records"] == 3

    def test_a_known_name_with_floats(self, real_data):
        """In these real records, audio has another length in each frame, which no feature has."""
        assert found(str(real_data / "odd" / "maxkelsen_vis_aud_test.tfrecord")) == ("rgb:1024:float32", "audio")

    def test_audioset(self, real_data):
        paths = expand_paths(str(real_data / "cases" / "audioset_like"))
        assert (survey(paths).level, found(*paths)) == ("frame", ("audio",))


class TestMeans:
    def test_floats_under_mean(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", video_level_record("a", [1], {"clip": np.ones(5), "rgb": np.ones(1024)}))
        assert (survey([path]).level, found(path)) == ("video", ("rgb", "clip:5:float32"))
        assert inspect([path])["features"] == {"mean_rgb": 1024, "mean_clip": 5}

    def test_other_keys_are_no_features(self):
        def add(example):
            example.context.feature["std_clip"].float_list.value.append(1.0)
            example.context.feature["mean_words"].bytes_list.value.append(b"a")
            example.context.feature["mean_a/b"].float_list.value.append(1.0)

        example = SequenceExample.FromString(edited(video_level_record("a", [1], {"clip": np.ones(5)}), add))
        assert forms_of(example) == {"clip": Feature("clip", 5, "float32"), "words": None}


class TestRemarks:
    @pytest.mark.parametrize(
        ("records", "expected"),
        [
            ([{"clip": floats()}] * 2, ["found clip:5:float32 in 2 records"]),
            ([{"rgb": known("rgb")}] * 2, ["found rgb, and no audio, in 2 records"]),
            ([{"rgb": known("rgb"), "audio": known("audio")}] * 2, []),
            (
                [{"rgb": known("rgb"), "clip": floats()}, {"clip": floats()}],
                [
                    "found rgb, clip:5:float32, and no audio, in 2 records",
                    "found rgb, clip:5:float32; 1 of 2 records lacks rgb, and zeros stand in for it; --data.features "
                    "clip:5:float32 does without it",
                ],
            ),
        ],
    )
    def test_a_line_says_which_were_found_and_how_many_records_lack_one(self, tmp_path, records, expected):
        path = write(tmp_path / "a.tfrecord", *(frames(str(place), **streams) for place, streams in enumerate(records)))
        lines = remarks.feature_remarks(survey([path]), open_source(path).features, True)
        assert lines == [f"{path}: {line}" for line in expected]
        assert remarks.feature_remarks(survey([path]), open_source(path).features, False) == [
            line.partition("; --data")[0] for line in lines if "lacks" in line
        ]


CLIP = {"clip": floats()}


class TestOtherForms:
    @pytest.mark.parametrize(
        ("streams", "asked", "says"),
        [
            (
                CLIP,
                "clip:6:float32",
                "clip has 5 floats a frame, not 6 floats a frame; --data.features clip:5:float32 in training reads it",
            ),
            (
                CLIP,
                "clip:5",
                "clip has 5 floats a frame, not 5 bytes a frame; --data.features clip:5:float32 in training reads it",
            ),
            (
                {"tags": stored()},
                "tags:6:float32",
                "tags has 6 bytes a frame, not 6 floats a frame; --data.features tags:6 in training reads it",
            ),
            (
                {"tags": stored()},
                "tags:6:float16",
                "tags has 6 bytes a frame, not 12 bytes a frame; --data.features tags:6 in training reads it",
            ),
            (
                {"rgb": stored(7, 2048)},
                "rgb",
                "rgb has 2048 bytes a frame, not 1024 bytes a frame; --data.features rgb:2048 in training reads it",
            ),
            (CLIP, "rgb", "has clip but not rgb"),
        ],
    )
    def test_what_was_asked_for_is_compared(self, tmp_path, streams, asked, says):
        path = write(tmp_path / "a.tfrecord", frames("a", **streams))
        assert refusal(lambda: open_source(path, features=(asked,))) == f"{path}, record 0: {says}"

    def test_forms_of_which_none_is_that_of_most(self, tmp_path):
        """Read with the known features, these records would be nothing but zeros."""
        path = write(tmp_path / "a.tfrecord", frames("a", clip=floats(3, 4)), frames("b", clip=floats(3, 6)))
        assert refusal(lambda: open_source(path)) == (
            f"{path}: clip has another form from record to record (clip:4:float32 in 1 record, clip:6:float32 in 1 record), and "
            "no form is that of most; --data.features clip:4:float32 in training reads those that have it"
        )
        assert texts_of(open_source(path, features=("clip:4:float32",)).features) == ("clip:4:float32",)

    def test_means(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", video_level_record("a", [1], {"clip": np.ones(5)}))
        assert texts_of(open_source(path, features=("clip:5",)).features) == ("clip:5",)  # means do not say
        with pytest.raises(
            RecordError,
            match=r"mean_clip has 5 values, not 6 values; --data.features clip:5:float32 in training reads it",
        ):
            open_source(path, features=("clip:6",))


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda lists: lists["clip"].feature[2].float_list.value.append(1.0), "clip frame 2 has 6 values, not 5"),
        (
            lambda lists: lists["clip"].feature[1].ClearField("float_list"),
            "clip holds nothing; clip:5:float32 is one list of floats a second",
        ),
        (
            lambda lists: lists["clip"].feature[3].float_list.value.__setitem__(0, np.nan),
            "clip frame 3 has a value that is NaN or infinite",
        ),
        (
            lambda lists: lists["half"].feature[3].bytes_list.value.__setitem__(0, b"\x00\x7c" * 4),
            "half frame 3 has a value that is NaN or infinite",
        ),
        (
            lambda lists: lists["half"].feature[3].bytes_list.value.__setitem__(0, b"\x00" * 4),
            "half frame 3 has 4 bytes, not 8",
        ),
        (lambda lists: lists["clip"].feature.add().float_list.value.extend([0.0] * 5), None),
        (
            lambda lists: [lists["clip"].feature.add().float_list.value.extend([0.0] * 5) for _ in range(2)],
            "9 clip and 7 half frames; they may differ by one",
        ),
    ],
)
def test_broken_floats(edit, reason):
    features = (Feature("clip", 5, "float32"), Feature("half", 4, "float16"))
    record = edited(
        frames("a", clip=floats(), half=floats(7, 4).astype(np.float16)),
        lambda example: edit(example.feature_lists.feature_list),
    )
    assert check_record(record, "frame", features) == reason
    assert check_record(record, "frame", DEFAULT_FEATURES) is None
