"""CSV files as text: nothing is guessed, and errors name the line."""

import csv
import io
import random

import pytest
from odd_texts import ODD_TEXTS

from yt8m.data.tables.text import Purpose, read_table, write_table
from yt8m.errors import InputError

PURPOSE = Purpose("cannot be read", "name another", "mend it")


def table_of(tmp_path, content, purpose=PURPOSE):
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, purpose)


def refused(tmp_path, content):
    with pytest.raises(InputError) as raised:
        table_of(tmp_path, content)
    return str(raised.value).removeprefix(f"{tmp_path / 'table.csv'}, ")


def test_what_looks_like_something_else_stays_text(tmp_path):
    content = write_table({"id": ODD_TEXTS, "NA": list(reversed(ODD_TEXTS))})
    expected = [[text, other] for text, other in zip(ODD_TEXTS, reversed(ODD_TEXTS), strict=True)]
    assert list(csv.reader(io.StringIO(content.decode(), newline=""))) == [["id", "NA"], *expected]
    assert table_of(tmp_path, content).select(["id", "NA"]).values.tolist() == expected


def test_fields_with_quotes_commas_and_line_ends_come_back(tmp_path):
    texts = ['a "quoted" word', "a, b", "two\nlines", "two\r\nlines", '"', ",", "", "\n"]
    content = write_table({"id": texts, "part": texts})
    assert table_of(tmp_path, content).select(["part"])["part"].tolist() == texts


def test_what_is_not_utf_8_comes_back_where_its_bytes_are_kept(tmp_path):
    purpose = Purpose("cannot be read", "name another", "mend it", encoding_errors="surrogateescape")
    table = table_of(tmp_path, b"id,part\n\xff\xfe,a\n", purpose)
    assert write_table(table.select(["id", "part"])) == b"id,part\n\xff\xfe,a\n"


def test_numbers_are_written_with_every_digit_and_nothing_as_nothing():
    columns = {"precision": [0.1 + 0.2, 2 / 3, None, 1.0, 1e-30], "count": [3, 10**12, None, 0, -1]}
    assert write_table(columns).decode().splitlines() == [
        "precision,count",
        "0.30000000000000004,3",
        "0.6666666666666666,1000000000000",
        ",",
        "1.0,0",
        "1e-30,-1",
    ]


def random_table(draw):
    """Rows of a file with blank lines, short rows and long rows, as they are to be read, with the lines on which they begin."""
    content, rows, line = "", [], 1
    for number in range(draw.randint(1, 12)):
        for _ in range(draw.randint(0, 2)):
            end = draw.choice(["\n", "\r\n"])
            content, line = content + end, line + 1
        fields = [
            "".join(draw.choices(["a", "7", " ", ",", '"', "\n", "\r\n", "é"], k=draw.randint(0, 4)))
            for _ in range(3 if number == 0 else draw.randint(1, 4))
        ]
        if len(fields) == 1:
            fields[0] += "x"  # an empty field alone is a blank line
        quoted = (f'"{field.replace(chr(34), chr(34) * 2)}"' for field in fields)
        text = ",".join(quoted) + draw.choice(["\n", "\r\n"])
        rows.append((line, fields))
        content, line = content + text, line + text.count("\n")
    return content, rows


@pytest.mark.parametrize("seed", range(25))
def test_any_rows_are_read_as_they_are_with_their_lines(tmp_path, seed):
    content, rows = random_table(random.Random(seed))
    assert [fields for fields in csv.reader(io.StringIO(content, newline="")) if fields] == [row for _, row in rows]
    table = table_of(tmp_path, content)
    (first_line, header), *below = rows
    assert table.header == header
    assert str(table.error(table.header_place, "x")).startswith(f"{table.path}, line {first_line}: x")
    assert len(table.rows) == len(below)
    for (line, fields), (place, row) in zip(below, table.rows.iterrows(), strict=True):
        assert row.dropna().tolist() == fields
        assert str(table.error(place, "x")).startswith(f"{table.path}, line {line}: x")


def test_of_two_columns_of_one_name_the_first_counts_and_what_is_beyond_the_header_does_not(tmp_path):
    table = table_of(tmp_path, "id,part,id\n1,2,3,4,5\n")
    assert table.select(["part", "id"]).values.tolist() == [["2", "1"]]


@pytest.mark.parametrize("content", ["", "\n", "\n\r\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_file_without_a_row_has_no_header(tmp_path, content):
    table = table_of(tmp_path, content)
    assert (table.header, len(table.rows)) == ([], 0)
    with pytest.raises(InputError, match=r"table\.csv, line 1: the header has no column 'id'; mend it"):
        table.select(["id"])


def test_a_header_alone_has_no_rows(tmp_path):
    assert len(table_of(tmp_path, "id,part").select(["part"])) == 0


@pytest.mark.parametrize("line", [1, 2, 3, 500, 1003])
def test_a_quote_that_is_not_closed_is_refused_on_its_line(tmp_path, line):
    lines = ["id,part", *(f"{number},a" for number in range(1002))]
    lines[line - 1] = f'"{lines[line - 1]}'
    assert refused(tmp_path, "\n".join(lines)).startswith(f"line {line}: no row of a CSV file begins here (")
    lines[0] = f"\r\n\r\n{lines[0]}"
    assert refused(tmp_path, "\r\n".join(lines)).startswith(f"line {line + 2}: no row of a CSV file begins here (")


def test_text_after_a_closing_quote_is_refused(tmp_path):
    assert refused(tmp_path, 'id,part\n"two\nlines",b\n"a"b,c\n').startswith(
        "line 4: no row of a CSV file begins here ("
    )


def test_bytes_that_are_no_text_are_refused_on_their_line(tmp_path):
    assert refused(tmp_path, b'id,part\n"two\nlines",b\n1,\xff\n') == "line 4: this is not UTF-8 text; mend it"


def test_the_first_row_of_the_file_that_cannot_be_used_is_named(tmp_path):
    table = table_of(tmp_path, 'id,part\n1,"a\nb"\n2,b\n3\n4,b\n')
    rows = table.select(["id", "part"])
    late = rows["id"] == "4", lambda fields: f"late {fields}"
    early = rows["part"] == "b", lambda fields: f"early {fields}"
    short = table.too_short(["id", "part"])
    for problems, message in (
        ([late, early, short], "line 4: early ['2', 'b']"),
        ([late, short], "line 5: the row has 1 of 2 columns"),
        ([late, early], "line 4: early ['2', 'b']"),
        ([late, late], "line 6: late ['4', 'b']"),
    ):
        with pytest.raises(InputError) as raised:
            table.refuse(problems)
        assert str(raised.value) == f"{table.path}, {message}; mend it"
    table.refuse([(rows["id"] == "5", str)])
