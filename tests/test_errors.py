"""Words of messages."""

import json

import pytest

from yt8m.errors import quantity, say_no_json


@pytest.mark.parametrize(
    ("number", "what", "text"),
    [
        (0, "class", "0 classes"),
        (1, "class", "1 class"),
        (2, "entry", "2 entries"),
        (1, "entry", "1 entry"),
        (3, "rated segment", "3 rated segments"),
        (1, "byte", "1 byte"),
        (2, "day", "2 days"),
    ],
)
def test_one_is_no_plural(number, what, text):
    assert quantity(number, what) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b" \n", "is empty, and no JSON"),
        (b'{"a": 1,\n "b" 2}', "is not JSON: line 2, column 6, expecting ':' delimiter"),
        (b'"\x01"', "is not JSON: line 1, column 2, invalid control character"),
        (b'{"a": "\xff"}', "is not JSON: byte 7 is no UTF-8 text"),
    ],
)
def test_where_a_text_is_no_json(content, text):
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)) as raised:
        json.loads(content.decode())
    assert say_no_json(raised.value) == text
