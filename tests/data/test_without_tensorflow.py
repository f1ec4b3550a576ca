"""Local records are read without the libraries that take seconds to load."""

import subprocess
import sys

import numpy as np
import pytest
from slow_reading import make_frames, small_video

from yt8m.data.records import Ratings, frame_level_record, framed

READ = """
import sys
import yt8m.errors
print(*(id.decode() for batch in yt8m.read_batches(sys.argv[1], batch_size=2, num_classes=10) for id in batch["id"]))
try:
    list(yt8m.read_batches(sys.argv[2], num_classes=10))
except yt8m.errors.InputError as error:
    print(str(error).removeprefix(sys.argv[2]))
print(sorted({"tensorflow", "keras", "pandas", "sklearn"} & {*sys.modules}))
"""
FRAMES = make_frames(np.random.default_rng(0), rgb=6, audio=6)
RATINGS = Ratings(start_times=[0], end_times=[5], labels=[3], scores=[1.0])


@pytest.mark.parametrize(
    "record",
    [
        small_video,
        lambda name: frame_level_record(name, [3], FRAMES),
        lambda name: frame_level_record(name, [3], FRAMES, RATINGS),
    ],
    ids=["video", "frame", "segment"],
)
def test_batches_and_errors_of_local_records(tmp_path, record):
    sound, broken = tmp_path / "sound.tfrecord", tmp_path / "broken.tfrecord"
    records = [framed(record(name)) for name in ("a", "b", "c")]
    sound.write_bytes(b"".join(records))
    broken.write_bytes(b"".join([records[0], framed(record("b") + b"\xff"), records[2]]))
    command = [sys.executable, "-c", READ, sound, broken]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["a b c", ", record 1: is no tf.train.Example or SequenceExample", "[]"]
