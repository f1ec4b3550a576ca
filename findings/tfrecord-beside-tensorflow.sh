#!/usr/bin/env bash
# The package `tfrecord`, which reads TFRecord files without TensorFlow, cannot be imported in one process with TensorFlow.
#
# Guessed: both describe tf.train.Example, and protobuf takes the same message twice if the descriptions are equal.
# Happened: whichever is imported second ends in `TypeError: ... duplicate symbol 'tensorflow.BytesList'`. Both are right about the
#   messages. But the package has them in one file, `example.proto`, and TensorFlow in two with other names, and protobuf's pool of
#   descriptions, which is one for the process, takes a name from one file only.
# Versions: tfrecord 1.14.6, TensorFlow 2.21.0, protobuf 7.36.2, Python 3.11. TensorFlow 2.16.2 with protobuf 4.25.9 does the same.
# Why it matters: whoever compares the two readers, or feeds PyTorch by the one and writes or checks records by the other, needs two
#   processes. A package that builds such messages for itself needs a pool of its own.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 protobuf==7.36.2 tfrecord==1.14.6
cat >"$place/look.py" <<'END'
import importlib
import sys

first, second = sys.argv[1:]
importlib.import_module(first)
try:
    importlib.import_module(second)
    problem = "none"
except TypeError as error:
    problem = str(error)
print(f"{first}, then {second}: {problem[-60:]}")
assert problem.endswith("duplicate symbol 'tensorflow.BytesList'"), "they go together now"
END
cd "$place"
export TF_CPP_MIN_LOG_LEVEL=3
for name in tfrecord tensorflow; do venv/bin/python -c "import $name"; done # each alone is fine
venv/bin/python look.py tfrecord tensorflow
venv/bin/python look.py tensorflow tfrecord
