"""Reads remote records in a process of its own: `python remote_reading.py BUCKET_URL HTTP_URL`; prints JSON,
and ends as a command does that finds nothing to read.

On its own because tensorflow-io cannot be unloaded, and because how the process ends is part of what is tested.
"""

import hashlib
import json
import sys

from yt8m.cli import main
from yt8m.data.pipeline import read_records
from yt8m.data.sources import expand_paths, find_splits
from yt8m.errors import InputError


def digest(paths) -> list[list]:
    """Id and a checksum of all values of each record."""
    rows = []
    for batch in read_records(paths, 3, max_frames=8).as_numpy_iterator():
        keys = sorted(batch)
        for index, video_id in enumerate(batch["id"]):
            content = b"".join(batch[key][index].tobytes() for key in keys if key != "id")
            rows.append([video_id.decode(), hashlib.md5(content).hexdigest()])
    return rows


def refusal(function, *arguments) -> str:
    """The message of the `InputError` that the arguments raise."""
    try:
        return f"nothing was raised, but {function(*arguments)} returned"
    except InputError as error:
        return str(error)


def report(bucket: str, host: str) -> None:
    """Prints everything that `test_remote` compares."""
    frames = f"{bucket}/2/frame/train"
    found = {
        "s3 directory": digest(frames),
        "s3 glob": digest(f"{bucket}/2/*/train/train000[01].tfrecord"),
        "s3 file": digest(f"{frames}/train0001.tfrecord"),
        "http files": digest(f"{host}/2/frame/train/train000{{0..1}}.tfrecord"),
        "http video level": digest(f"{host}/2/video/test/test0000.tfrecord"),
        "http redirected": digest(f"{host}/moved/2/frame/train/train0001.tfrecord"),
        "http with a space": digest(f"{host}/a space/train 1.tfrecord"),
        "http small": digest(f"{host}/whole/2/video/test/test0000.tfrecord"),
        "http without ranges": digest(f"{host}/whole/large.tfrecord"),
        "s3 files": expand_paths([f"{frames}/", f"{bucket}/2/video/*/*.tfrecord"]),
        "s3 splits": find_splits(bucket, "frame"),
        "http nothing there": refusal(digest, f"{host}/none.tfrecord"),
        "http not a record": refusal(digest, f"{host}/notes.txt"),
        "http no server": refusal(digest, "http://127.0.0.1:9/a.tfrecord"),
        "s3 nothing there": refusal(digest, f"{bucket}/none.tfrecord"),
        "s3 no match": refusal(digest, f"{bucket}/none*.tfrecord"),
        "s3 no bucket": refusal(digest, "s3://nowhere/none.tfrecord"),
        "s3 no bucket, no key": refusal(digest, "s3://nowhere"),
        "s3 no splits": refusal(find_splits, f"{bucket}/none", "frame"),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    report(*sys.argv[1:])
    main(["inspect", f"{sys.argv[1]}/2/none.tfrecord"])
