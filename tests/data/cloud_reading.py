"""Reads and trains from `gs://` in a process of its own: `python cloud_reading.py BUCKET_URL RUN SUBMISSION`; prints JSON, and
ends as the command that writes the submission.

On its own because TensorFlow's file system looks at the environment once.
"""

import json
import sys

from remote_data import train_tiny
from remote_reading import digest, refusal

from yt8m.cli import main
from yt8m.data.sources import expand_paths, find_splits
from yt8m.runs import load_config


def report(bucket: str, run: str) -> None:
    """Prints everything that `test_cloud_storage` compares."""
    frames, videos = f"{bucket}/2/frame/train", f"{bucket}/2/video/test"
    found = {
        "directory": digest(frames),
        "file": digest(f"{frames}/train0001.tfrecord"),
        "files": expand_paths([f"{frames}/", f"{bucket}/2/*/test/test000[01].tfrecord"]),
        "splits": find_splits(bucket, "frame"),
        "nothing there": refusal(digest, f"{bucket}/none.tfrecord"),
        "no match": refusal(digest, f"{bucket}/none*.tfrecord"),
        "no bucket": refusal(digest, "gs://nowhere/none.tfrecord"),
        "no bucket, no key": refusal(digest, "gs://nowhere"),
        "not allowed": refusal(digest, "gs://private/train.tfrecord"),
        "not a record": refusal(digest, f"{bucket}/notes.txt"),
        "no splits": refusal(find_splits, f"{bucket}/none", "frame"),
        "a run": refusal(load_config, f"{bucket}/run"),
    }
    train_tiny(run, videos)
    found["modules"] = sorted(sys.modules)
    print(json.dumps(found))


if __name__ == "__main__":
    bucket, run, submission = sys.argv[1:]
    report(bucket, run)
    main(["predict", "--run", run, "--data", f"{bucket}/2/video/test/*.tfrecord", "--out", submission])
