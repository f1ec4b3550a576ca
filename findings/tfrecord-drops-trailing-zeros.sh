#!/usr/bin/env bash
# The package tfrecord shortens byte features that end in zeros, where a feature has several values.
#
# Guessed: what its own writer wrote comes back byte for byte.
# Happened: several values of a bytes feature come back as a NumPy array of type "S", which has no trailing zero bytes: a frame of
#   eight bytes that ends in three zeros has five. One value alone is whole, and so are frames of a SequenceExample, one value each.
# Versions: tfrecord 1.14.6, NumPy 2.4.6, protobuf 7.36.2, Python 3.11.
# Why it matters: quantised features are such bytes, and 0 is a value of them (the least, about -2). Frames that lie in an Example,
#   as some extractors write them, are read with rows of unequal length, or, in one array of equal rows, cannot be told apart
#   from shorter ones; those of a SequenceExample are safe.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tfrecord==1.14.6 numpy==2.4.6 protobuf==7.36.2
cd "$place"
venv/bin/python - <<'END'
from importlib.metadata import version

from tfrecord.reader import tfrecord_loader
from tfrecord.writer import TFRecordWriter

print({name: version(name) for name in ("tfrecord", "numpy", "protobuf")})
frames = [bytes([1, 2, 3, 4, 5, 0, 0, 0]), bytes([9, 8, 7, 6, 5, 4, 3, 2]), bytes(8)]

writer = TFRecordWriter("several.tfrecord")
writer.write({"id": (b"abcd", "byte"), "rgb": (frames, "byte"), "first": (frames[0], "byte")})
writer.close()
(record,) = tfrecord_loader("several.tfrecord", None, {"id": "byte", "rgb": "byte", "first": "byte"})
lengths = [len(frame) for frame in record["rgb"].tolist()]
print("lengths of frames of an Example:", lengths, record["rgb"].dtype)
assert lengths == [5, 8, 0]
assert record["first"] == frames[0]

writer = TFRecordWriter("sequence.tfrecord")
writer.write({"id": (b"abcd", "byte")}, {"rgb": ([[frame] for frame in frames], "byte")})
writer.close()
(record,) = tfrecord_loader("sequence.tfrecord", None, {"id": "byte"}, sequence_description={"rgb": "byte"})
print("lengths of frames of a SequenceExample:", [len(frame) for frame in record[1]["rgb"]])
assert record[1]["rgb"] == frames
END
