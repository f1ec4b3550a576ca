"""The messages that records are made of, built without TensorFlow.

They are the messages of the same names in `tf.train`, with the same bytes. TensorFlow defines them in
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/example.proto and `feature.proto` beside it. They
lie in a pool of descriptors of their own, so both may be loaded in one process.
"""

from typing import NamedTuple

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

_PACKAGE = "yt8m"


class _Field(NamedTuple):
    name: str
    number: int
    type: str
    """One of protobuf's types, or a message of this module."""
    label: str = ""
    """`repeated`, `map` (from text to the type), `kind` (one of the oneof of this name), or empty."""


_MESSAGES = {
    "BytesList": [_Field("value", 1, "bytes", "repeated")],
    "FloatList": [_Field("value", 1, "float", "repeated")],
    "Int64List": [_Field("value", 1, "int64", "repeated")],
    "Feature": [
        _Field("bytes_list", 1, "BytesList", "kind"),
        _Field("float_list", 2, "FloatList", "kind"),
        _Field("int64_list", 3, "Int64List", "kind"),
    ],
    "Features": [_Field("feature", 1, "Feature", "entries")],
    "FeatureList": [_Field("feature", 1, "Feature", "repeated")],
    "FeatureLists": [_Field("feature_list", 1, "FeatureList", "entries")],
    "Example": [_Field("features", 1, "Features")],
    "SequenceExample": [_Field("context", 1, "Features"), _Field("feature_lists", 2, "FeatureLists")],
}


def _add_field(message: DescriptorProto, field: _Field) -> None:
    added = message.field.add(name=field.name, number=field.number)
    is_repeated = field.label in ("repeated", "entries")
    added.label = FieldDescriptorProto.LABEL_REPEATED if is_repeated else FieldDescriptorProto.LABEL_OPTIONAL
    if field.type in _MESSAGES:
        added.type, added.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{_PACKAGE}.{field.type}"
    else:
        added.type = FieldDescriptorProto.Type.Value(f"TYPE_{field.type.upper()}")
    if field.label == "kind":
        if not message.oneof_decl:
            message.oneof_decl.add(name="kind")
        added.oneof_index = 0
    if field.label == "entries":  # on the wire, a repeated message of key and value
        entry = message.nested_type.add(name=f"{field.name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _add_field(entry, _Field("key", 1, "string"))
        _add_field(entry, _Field("value", 2, field.type))
        added.type_name = f".{_PACKAGE}.{message.name}.{entry.name}"


def _pool() -> DescriptorPool:
    file = FileDescriptorProto(name="yt8m/records.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _add_field(message, field)
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _pool()


def _message(name: str) -> type:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


BytesList = _message("BytesList")
"""`value`: a list of bytes."""
FloatList = _message("FloatList")
"""`value`: a list of float32. Written packed; read packed or not."""
Int64List = _message("Int64List")
"""`value`: a list of int64. Written packed; read packed or not."""
Feature = _message("Feature")
"""One list of values: `bytes_list`, `float_list` or `int64_list`, or none of them."""
Features = _message("Features")
"""`feature`: a map from keys to `Feature`."""
FeatureList = _message("FeatureList")
"""`feature`: a list of `Feature`, one for each frame."""
FeatureLists = _message("FeatureLists")
"""`feature_list`: a map from keys to `FeatureList`."""
Example = _message("Example")
"""A video-level record. `features`: `Features`."""
SequenceExample = _message("SequenceExample")
"""A frame-level record. `context`: `Features` of the whole video; `feature_lists`: `FeatureLists`."""


def parse(kind: type, serialized: bytes):
    """Parses a message of one of these kinds; None if protobuf cannot.

    A key that is no UTF-8 counts as an error too.
    """
    try:
        return kind.FromString(serialized)
    except Exception:  # DecodeError or UnicodeDecodeError; their classes depend on the protobuf backend
        return None


def varint(number: int) -> bytes:
    """A number in protobuf's encoding: seven bits per byte, the lowest first."""
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def with_length(field: int, content: bytes) -> bytes:
    """A field of a message as protobuf writes it, if its value is text, bytes or a message.

    Args:
        field: its number, below 16.
        content: the value.
    """
    return b"".join((bytes([field << 3 | 2]), varint(len(content)), content))


_MOST_LENGTH_DIGITS = 5
"""Digits of the lengths that all of protobuf's libraries read: seven bits each."""


def field_at(data: bytes, begin: int, number: int) -> slice | None:
    """Where the value of a message's field lies: a message or text, with its length before it.

    Args:
        data: the message, or its beginning. The value may lie beyond it.
        begin: the byte at which the field begins.
        number: number of the field, below 16.

    Returns:
        None if another field begins there, or none.
    """
    if begin >= len(data) or data[begin] != number << 3 | 2:
        return None
    length = 0
    for place, byte in enumerate(data[begin + 1 : begin + 1 + _MOST_LENGTH_DIGITS]):  # the lowest first
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            start = begin + 2 + place
            return slice(start, start + length)
    return None
