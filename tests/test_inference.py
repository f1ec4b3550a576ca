"""Which records a run works on, and as what."""

import pytest

from yt8m.config import DataConfig, RunConfig
from yt8m.errors import InputError
from yt8m.inference import choose_paths, open_data
from yt8m.models import make_architecture


def config_of(model: str, **data) -> RunConfig:
    return RunConfig(model=make_architecture(model), data=DataConfig(num_classes=12, **data))


def test_records_that_are_given_come_before_the_run_s_own():
    config = config_of("moe", validate=("v1", "v2"), test=("t",))
    assert choose_paths("run", config, (), "validate") == ["v1", "v2"]
    assert choose_paths("run", config, (), "test") == ["t"]
    assert choose_paths("run", config, ["mine"], "test") == ["mine"]
    assert choose_paths("run", config, "mine", "validate") == ["mine"], "a path is not a list of letters"


@pytest.mark.parametrize("split", ["validate", "test"])
def test_no_records_at_all_is_an_error(split):
    with pytest.raises(InputError, match=f"runs/a: was trained without a {split} split; .* --data"):
        choose_paths("runs/a", config_of("moe"), (), split)


FRAMES, RATED, VIDEOS = "2/frame/validate", "3/frame/validate", "2/video/validate"


@pytest.mark.parametrize(
    ("model", "records", "segments", "level"),
    [
        ("frame_logistic", FRAMES, None, "frame"),
        ("frame_logistic", RATED, None, "segment"),
        ("frame_logistic", FRAMES, True, "segment"),
        ("frame_logistic", RATED, False, "frame"),
        ("logistic", VIDEOS, None, "video"),
    ],
)
def test_frames_are_cut_into_segments_where_these_are_rated_unless_told(sample, model, records, segments, level):
    source = open_data(config_of(model, features=("audio",)), str(sample / records), segments)
    assert (source.level, source.features, source.num_classes) == (level, ("audio",), 12)


@pytest.mark.parametrize("records", [FRAMES, RATED])
def test_records_of_another_level_are_refused(sample, records):
    with pytest.raises(InputError, match="video-level was expected"):
        open_data(config_of("logistic"), str(sample / records))
