#!/usr/bin/env bash
# tf.io.parse_example keeps the first part of a list that comes in several parts, and says nothing.
#
# Guessed: TensorFlow's parsers read a tf.train.Example as protobuf reads it. The encoding says that a parser must take a packed list
#   in several parts, also mixed with unpacked numbers, and join them; and that of two values of a oneof the last counts.
# Happened: protobuf gives [1, 2], and tf.io.parse_example, parse_single_example and parse_sequence_example give [1], without an
#   error. Of a feature with a list of integers and then a list of bytes, protobuf gives the bytes; TensorFlow gives the integers.
#   A map entry whose value stands before its key is read by parse_example and refused by parse_sequence_example.
# Versions: TensorFlow 2.21.0, protobuf 7.36.2, Python 3.11. TensorFlow 2.16.2 does the same.
# Why it matters: protobuf's libraries write a list in one part, but two serialized messages put together are one valid message, and
#   writers that append do this. Labels or numbers are then lost in training, where every check by protobuf finds them.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 protobuf==7.36.2
cat >"$place/look.py" <<'END'
import tensorflow as tf


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def example(*features: bytes, turned: bool = False) -> bytes:
    pair = field(1, b"a"), field(2, b"".join(features))
    return field(1, field(1, b"".join(reversed(pair) if turned else pair)))


def integers(*parts: bytes) -> bytes:
    return field(3, b"".join(parts))


def ask(parse, key):
    try:
        found = parse()
    except tf.errors.InvalidArgumentError:
        return "refused"
    return (found if isinstance(found, dict) else found[0])[key].values.numpy().tolist()


ONE, TWO, UNPACKED_TWO = field(1, b"\x01"), field(1, b"\x02"), b"\x08\x02"
CASES = {
    "a list in two packed parts": (example(integers(ONE, TWO)), [1, 2], [1], [1]),
    "a packed part, an unpacked number": (example(integers(ONE, UNPACKED_TWO)), [1, 2], [1], [1]),
    "the feature's list twice": (example(integers(ONE), integers(TWO)), [1, 2], [1], [1]),
    "integers, then bytes": (example(integers(ONE), field(1, field(1, b"x"))), "bytes_list", [1], [1]),
    "the value before its key": (example(integers(ONE), turned=True), [1], [1], "refused"),
    "the usual way": (example(integers(field(1, b"\x01\x02"))), [1, 2], [1, 2], [1, 2]),
}
print("TensorFlow", tf.__version__)
print(f"{'':35}{'protobuf':14}{'parse_example':16}{'single':10}parse_sequence_example")
for name, (data, *expected) in CASES.items():
    feature = tf.train.Example.FromString(data).features.feature["a"]
    kind = feature.WhichOneof("kind")
    by_protobuf = list(feature.int64_list.value) if kind == "int64_list" else kind
    variable, ragged = {"a": tf.io.VarLenFeature(tf.int64)}, {"a": tf.io.RaggedFeature(tf.int64)}
    batch = ask(lambda: tf.io.parse_example([data], ragged), "a")
    single = ask(lambda: tf.io.parse_single_example(data, variable), "a")
    sequence = ask(lambda: tf.io.parse_sequence_example([data], ragged), "a")
    print(f"{name:35}{by_protobuf!s:14}{batch!s:16}{single!s:10}{sequence}")
    assert [by_protobuf, batch, sequence] == expected and single == batch, "TensorFlow reads it otherwise now"
END
cd "$place" && TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python look.py
