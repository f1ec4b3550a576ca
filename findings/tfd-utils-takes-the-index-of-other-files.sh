#!/usr/bin/env bash
# tfd-utils names its index by the first file and the number of files: another list that begins alike gets the records of the first.
#
# Guessed: an index belongs to the files it was made of; of other files, a new one is made.
# Happened: for train0 and train1 it writes train0_unified_tot2.index. For train0 and train2 it finds that name, loads it, and has the
#   videos of train0 and train1. Those of train2 are not there, and nothing is raised or printed but "Loading index". get_stats counts
#   two files, of which one was not asked for.
# Versions: tfd-utils 1.3.0, protobuf 5.29.6, Python 3.11.
# Why it matters: folds of cross-validation are such lists. All that leave out one of the later shards have the same first shard and the same
#   number of shards, so from the second fold on, training sees the shard that it was to leave out. An index_file for each list, or
#   rebuild_index(), is right.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tfd-utils==1.3.0 protobuf==5.29.6 tfrecord-slow==0.6.0 crc32c==2.9.post0 numpy==2.4.6
cd "$place"
venv/bin/python -W ignore::RuntimeWarning - <<'END_OF_PYTHON'
import contextlib
import io
from importlib.metadata import version

from tfd_utils.pb2 import Example
from tfd_utils.random_access import TFRecordRandomAccess
from tfrecord_slow.writer import TfrecordWriter

print("tfd-utils", version("tfd-utils"))
for number, letter in enumerate("abc"):
    with TfrecordWriter.create(f"train{number}.tfrecord") as writer:
        for place in range(2):
            example = Example()
            example.features.feature["id"].bytes_list.value.append(f"{letter}{place}".encode())
            example.features.feature["labels"].int64_list.value.extend([1, 2])
            writer.write(example.SerializeToString())


def ids(*numbers, **options):
    """The videos of so many files, in the order of the index."""
    with contextlib.redirect_stdout(io.StringIO()):
        paths = [f"train{number}.tfrecord" for number in numbers]
        with TFRecordRandomAccess(paths, key_feature_name="id", **options) as records:
            return records.get_keys()


found = {
    "train0 and train1": ids(0, 1),
    "train0 and train2": ids(0, 2),
    "train0 and train2, with an index of their own": ids(0, 2, index_file="own.index"),
}
for name, each in found.items():
    print(name, each, sep=": ")
assert list(found.values()) == [["a0", "a1", "b0", "b1"], ["a0", "a1", "b0", "b1"], ["a0", "a1", "c0", "c1"]]
END_OF_PYTHON
