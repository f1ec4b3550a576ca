#!/usr/bin/env bash
# tensorflow-metadata 1.21.0 allows protobuf 4.25.2, and cannot be imported with it.
#
# Guessed: what pip installs together, within all declared ranges, can be imported together.
# Happened: its generated modules import google.protobuf.runtime_version, which protobuf has since 5.26. Its requirement still says
#   protobuf>=4.25.2, so pip is content (`pip check` too), and the import of the schemas is an ImportError. With 1.17.3, whose
#   modules an older compiler made, the same import works.
# Versions: tensorflow-metadata 1.21.0 and 1.17.3, protobuf 4.25.9, Python 3.11.
# Why it matters: TensorFlow 2.16 needs protobuf below 5. tensorflow-datasets, which TF Model Garden imports, takes the newest
#   tensorflow-metadata; so an environment of TensorFlow 2.16 with either, made today, cannot import its data sets. Pin
#   tensorflow-metadata<1.18 there.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
cat >"$place/look.py" <<'END'
import sys
from importlib import metadata

version = metadata.version("tensorflow-metadata")
assert version == sys.argv[1] and metadata.version("protobuf") == "4.25.9"
print("tensorflow-metadata", version, [each for each in metadata.requires("tensorflow-metadata") if "protobuf" in each])
try:
    from tensorflow_metadata.proto.v0 import schema_pb2
except ImportError as error:
    print("ImportError:", str(error).partition(" (")[0])
    assert version == "1.21.0" and "runtime_version" in str(error), "1.17.3 cannot be imported either"
else:
    print("imported:", schema_pb2.Schema.DESCRIPTOR.full_name)
    assert version == "1.17.3", "1.21.0 can be imported with protobuf 4.25 now"
END
cd "$place"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check protobuf==4.25.9 tensorflow-metadata==1.21.0
venv/bin/pip check
venv/bin/python look.py 1.21.0
"$place/venv/bin/pip" install --quiet --disable-pip-version-check protobuf==4.25.9 tensorflow-metadata==1.17.3
venv/bin/pip check
venv/bin/python look.py 1.17.3
