"""Messages built without TensorFlow against those of `tf.train`."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.descriptor_pb2 import DescriptorProto

from yt8m.data import protos

NAMES = (
    *("BytesList", "FloatList", "Int64List", "Feature", "Features", "FeatureList", "FeatureLists"),
    *("Example", "SequenceExample"),
)


def described(kind: type) -> DescriptorProto:
    """A message's fields, without its package; numbers are packed by default in both, so the option says nothing."""
    description = DescriptorProto()
    kind.DESCRIPTOR.CopyToProto(description)
    for message in (description, *description.nested_type):
        for field in message.field:
            field.type_name = field.type_name.removeprefix(f".{kind.DESCRIPTOR.file.package}.")
            assert field.options.packed or field.type_name or not field.HasField("options")
            field.ClearField("options")
    return description


def outcome(kind: type, serialized: bytes) -> tuple[bytes, str] | None:
    """What a kind of message reads, as bytes and as text; None if it cannot."""
    message = protos.parse(kind, serialized)
    return None if message is None else (message.SerializeToString(deterministic=True), str(message))


def field(number: int, content: bytes) -> bytes:
    """A field that holds bytes, fewer than 128."""
    return bytes([number << 3 | 2, len(content)]) + content


def random_record(generator: np.random.Generator, module) -> bytes:
    """A serialized SequenceExample with features of all kinds, made of a module's messages."""
    example = module.SequenceExample()

    def fill(feature) -> None:
        count = int(generator.integers(4))
        match int(generator.integers(4)):
            case 0:
                feature.bytes_list.value.extend(generator.bytes(int(generator.integers(5))) for _ in range(count))
            case 1:
                feature.float_list.value.extend(generator.normal(size=count).tolist())
            case 2:
                feature.int64_list.value.extend(generator.integers(-(2**63), 2**63 - 1, count).tolist())

    for number in range(int(generator.integers(4))):
        fill(example.context.feature[f"key{number}ü"])
    for number in range(int(generator.integers(3))):
        frames = example.feature_lists.feature_list[f"stream{number}"]
        for _ in range(int(generator.integers(3))):
            fill(frames.feature.add())
    return example.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", NAMES)
def test_fields_are_those_of_tensorflow(name):
    assert described(getattr(protos, name)) == described(getattr(tf.train, name))


def test_bytes_worked_by_hand():
    # Field 1 (context) of 15 bytes: field 1 (an entry) of 13: key "id", and a feature with a list of one bytes value "x".
    expected = field(1, field(1, field(1, b"id") + field(2, field(1, field(1, b"x")))))
    example = protos.SequenceExample()
    example.context.feature["id"].bytes_list.value.append(b"x")
    assert example.SerializeToString() == expected


def test_what_is_written_and_read_equals_tensorflows():
    for seed in range(300):
        ours = random_record(np.random.default_rng(seed), protos)
        assert ours == random_record(np.random.default_rng(seed), tf.train)
        for name in ("SequenceExample", "Example"):
            found = outcome(getattr(protos, name), ours)
            assert found is not None
            assert found == outcome(getattr(tf.train, name), ours)


NUMBERS = b"".join(bytes([1 << 3, value]) for value in (3, 17))
UNUSUAL = {
    "numbers that are not packed": field(1, field(1, field(1, b"labels") + field(2, field(3, NUMBERS)))),
    "numbers packed in part": field(
        1, field(1, field(1, b"labels") + field(2, field(3, NUMBERS + field(1, b"\x05\x06"))))
    ),
    "a feature's kind twice": field(
        1, field(1, field(1, b"id") + field(2, field(1, field(1, b"x")) + field(3, NUMBERS)))
    ),
    "a key twice": 2 * field(1, field(1, field(1, b"id") + field(2, field(1, field(1, b"x"))))),
    "an entry's halves in the other order": field(1, field(1, field(2, field(1, field(1, b"x"))) + field(1, b"id"))),
    "an entry without its key": field(1, field(1, field(2, field(1, field(1, b"x"))))),
    "an entry without its value": field(1, field(1, field(1, b"id"))),
    "an unknown field": field(9, b"x") + field(1, field(9, b"y")),
}
BROKEN = {
    "a key that is no UTF-8": field(1, field(1, field(1, b"\xff\xfe"))),
    "a length beyond the end": b"\x0a\x05abc",
    "a group that does not end": b"\x0b",
    "a field number 0": b"\x02\x01x",
    "a number that goes on too long": b"\x08" + 11 * b"\xff",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_written_unusually_is_read_as_tensorflow_does(name):
    found = outcome(protos.SequenceExample, UNUSUAL[name])
    assert found is not None
    assert found == outcome(tf.train.SequenceExample, UNUSUAL[name])


@pytest.mark.parametrize("name", BROKEN)
def test_what_no_message_is_is_none(name):
    assert protos.parse(protos.SequenceExample, BROKEN[name]) is None
    assert protos.parse(tf.train.SequenceExample, BROKEN[name]) is None


def test_numbers_that_are_not_packed():
    example = protos.parse(protos.SequenceExample, UNUSUAL["numbers that are not packed"])
    assert list(example.context.feature["labels"].int64_list.value) == [3, 17]


def test_damaged_records_are_read_as_tensorflow_does():
    generator, num_broken = np.random.default_rng(7), 0
    records = [record for record in (random_record(generator, protos) for _ in range(300)) if record]
    for record in records:
        content = bytearray(record)
        for _ in range(20):
            content[generator.integers(len(content))] = generator.integers(256)
            found = outcome(protos.SequenceExample, bytes(content))
            assert found == outcome(tf.train.SequenceExample, bytes(content))
            num_broken += found is None
    assert 0 < num_broken < 20 * len(records)
