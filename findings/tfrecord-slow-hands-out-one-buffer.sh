#!/usr/bin/env bash
# tfrecord-slow yields every record in the same memory: a list of a file's records holds the last one again and again.
#
# Guessed: list(TfrecordReader.open(path)) holds the records of the file, as a list of any other reader's does.
# Happened: each record is a memoryview of one buffer, which the next record overwrites. In a loop that is done with a record before
#   it takes the next, all is well. In a list, each entry has its own length and the bytes of later records: of b"first", b"second" and
#   b"third one" remain b"third", b"third " and b"third one". The check of the CRCs runs while reading and finds nothing wrong.
# Versions: tfrecord-slow 0.6.0, NumPy 2.4.6, Python 3.11.
# Why it matters: records of YouTube-8M are nearly equally long, so that the last of a file parses in the place of any other, with all
#   videos the same. Whoever shuffles in a buffer or makes batches must copy each record first: bytes(record).
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tfrecord-slow==0.6.0 crc32c==2.9.post0 numpy==2.4.6
cd "$place"
venv/bin/python -W ignore::RuntimeWarning - <<'END_OF_PYTHON'
from importlib.metadata import version

from tfrecord_slow.reader import TfrecordReader
from tfrecord_slow.writer import TfrecordWriter

print("tfrecord-slow", version("tfrecord-slow"))
written = [b"first", b"second", b"third one"]
with TfrecordWriter.create("records.tfrecord") as writer:
    for record in written:
        writer.write(record)

with TfrecordReader.open("records.tfrecord", check_integrity=True) as reader:
    one_by_one = [bytes(record) for record in reader]
with TfrecordReader.open("records.tfrecord", check_integrity=True) as reader:
    kept = list(reader)
in_a_list = [bytes(record) for record in kept]
print("copied one by one:", one_by_one)
print("kept in a list:   ", in_a_list)
assert one_by_one == written
assert in_a_list == [b"third", b"third ", b"third one"]
assert all(record.obj is kept[0].obj for record in kept)  # one buffer
END_OF_PYTHON
