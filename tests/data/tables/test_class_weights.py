"""Factors of the classes, from a file."""

import numpy as np
import pytest

from yt8m.data.tables.class_weights import read_class_weights
from yt8m.errors import InputError


def written(tmp_path, content):
    (tmp_path / "weights.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path / "weights.csv"


def test_classes_without_a_weight_have_one(tmp_path):
    path = written(
        tmp_path, b'\xef\xbb\xbfName,Weight,Index\r\n"a ""cat"",\nor two",0.1,3\r\n\r\nNA, 1e-3 ,0001\r\nx,0,4,more\r\n'
    )
    weights = read_class_weights(path, 6)
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, np.array([1, 1e-3, 1, 0.1, 0, 1], np.float32))


def test_no_class_may_have_a_weight(tmp_path):
    np.testing.assert_array_equal(read_class_weights(written(tmp_path, "Index,Weight\n"), 2), [1, 1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the header has no column 'Index'"),
        ("Index,weight\n1,1\n", "line 1: the header has no column 'Weight'"),
        ("Index,Weight\n1_000,1\n", "line 2: the Index is '1_000' and no class, a whole number from 0 on"),
        ("Index,Weight\n-1,1\n", "line 2: the Index is '-1' and no class, a whole number from 0 on"),
        ("Index,Weight\n1,1\n01,1\n", "line 3: class 1 comes a second time"),
        ("Index,Weight\n1,1\n\n6,nan\n", "line 4: class 6 is not in 0 to 5"),
        ('Name,Index,Weight\n"a\nb",1,1\n,2,nan\n', "line 4: the Weight is 'nan' and no number"),
        ("Index,Weight\n1,1_0\n", "line 2: the Weight is '1_0' and no number"),
        ("Index,Weight\n1,True\n", "line 2: the Weight is 'True' and no number"),
        ("Index,Weight\n1,\n", "line 2: the Weight is '' and no number"),
        ("Index,Weight\n1\n", "line 2: the row has 1 of 2 columns"),
        ("Index,Weight\n1,inf\n", "line 2: weight inf must be finite"),
        ("Index,Weight\n1,1e400\n", "line 2: weight inf must be finite"),
        ("Index,Weight\n1,-0.5\nx,1\n", "line 2: weight -0.5 must be 0 or more"),
        ("Index,Weight\nx,1\n1,-0.5\n", "line 2: the Index is 'x' and no class, a whole number from 0 on"),
        (b"Index,Weight\n1,1\n\xff,1\n", "line 3: this is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_that_says_where(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(InputError) as raised:
        read_class_weights(path, 6)
    assert str(raised.value) == (
        f"{path}, {message}; --loss.class-weights takes a CSV file with the columns Index and Weight"
    )


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError) as raised:
        read_class_weights(tmp_path / "none.csv", 6)
    assert str(raised.value) == (
        f"{tmp_path / 'none.csv'}: the class weights cannot be read (No such file or directory); check --loss.class-weights"
    )
