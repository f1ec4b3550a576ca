"""What evaluation says beside the metrics."""

import numpy as np
import pytest
from trained_runs import FRAMES, trained

from yt8m import runs
from yt8m.data.records import frame_level_record, framed
from yt8m.errors import InputError
from yt8m.evaluation import evaluate


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory) -> str:
    return trained(tmp_path_factory.mktemp("run") / "run", sample, validate=(str(sample / FRAMES),))


def test_labels_that_the_run_does_far_worse_on_are_told(run, sample, tmp_path):
    """As those of another vocabulary do; the run's own validation is what it should give."""
    other = tmp_path / "other.tfrecord"
    generator = np.random.default_rng(0)
    rows = [generator.integers(0, 256, (5, 128), np.uint8) for _ in range(8)]
    other.write_bytes(
        b"".join(framed(frame_level_record(f"v{index}", [11], {"audio": each})) for index, each in enumerate(rows))
    )
    lines = []
    own = runs.best_metrics(run)["gap"]
    found = evaluate(run, [str(other)], tell=lines.append)["gap"]
    assert found < own / 2, "the case is one"
    assert lines == [
        f"{run}: GAP {found:.4f} here, {own:.4f} in the run's own validation; are these labels of the same vocabulary, of 12 "
        "classes?"
    ]


def test_labels_that_it_does_well_on_are_not(run, sample):
    lines = []
    evaluate(run, [str(sample / FRAMES)], tell=[].append)
    evaluate(run, tell=lines.append)
    assert lines == []


def test_records_without_labels_are_refused(run, tmp_path):
    path = tmp_path / "test.tfrecord"
    path.write_bytes(framed(frame_level_record("a", None, {"audio": np.zeros((5, 128), np.uint8)})))
    with pytest.raises(InputError, match="its records have no labels and validation needs them"):
        evaluate(run, [str(path)])
