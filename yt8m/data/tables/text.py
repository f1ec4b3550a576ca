"""Reads and writes small CSV files by pandas, with every field as text.

pandas guesses no types here: `null`, `NA`, `1e10` and `0001` stay as they are. It does not say on which line of the file a
row begins, so this module finds that afterwards.
"""

import contextlib
import csv
import io
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yt8m.errors import InputError

if TYPE_CHECKING:  # loading pandas takes longer than `yt8m --help`
    import pandas

Problem = tuple["pandas.Series", Callable[[Sequence[str]], str]]
"""Marks bad rows (bool, with the rows' index), and has a function from a bad row's fields to the reason."""

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Purpose:
    """The purpose of a file, in words for its error messages."""

    unreadable: str
    """Clause that the file cannot be read, such as `the class weights cannot be read`."""
    another: str
    """What to do if the file cannot be read, such as `check --loss.class-weights`."""
    mend: str
    """What to do about a bad line."""
    encoding_errors: str = "strict"
    """How to treat bytes that are not UTF-8: `strict` refuses them, `surrogateescape` keeps them."""

    def error(self, path: str, line: int, reason: str) -> InputError:
        """Makes the error for a line of a file."""
        return InputError(f"{path}, line {line}: {reason}; {self.mend}")


@dataclass(frozen=True)
class Table:
    """A CSV file as text; `read_table` makes one."""

    path: str
    header: list[str]
    """Names of columns."""
    all_rows: "pandas.DataFrame"
    """An empty row, then every row of the file, also the header and blank lines.

    Each field has a column of text; fields that a row lacks are missing. The last column holds the first field beyond the
    header's."""
    header_place: int
    """Place of the header in `all_rows`."""
    purpose: Purpose

    @cached_property
    def rows(self) -> "pandas.DataFrame":
        """The rows below the header, without blank ones. Their index is the place in `all_rows`."""
        below = self.all_rows.iloc[self.header_place + 1 :]
        return below[below[0].notna()]

    def select(self, columns: Sequence[str]) -> "pandas.DataFrame":
        """Selects columns of the rows by name: text, or missing if a row is too short.

        Raises:
            InputError: the header lacks a column.
        """
        missing = [column for column in columns if column not in self.header]
        if missing:
            raise self.error(self.header_place, f"the header has no column {missing[0]!r}")
        return self.rows[[self.header.index(column) for column in columns]].set_axis(columns, axis="columns")

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Raises InputError for the first row with a problem. If a row has several, its first problem counts."""
        found = [(int(wrong.idxmax()), order, say) for order, (wrong, say) in enumerate(problems) if wrong.any()]
        if found:
            place, _, say = min(found, key=lambda each: each[:2])
            raise self.error(place, say(self.all_rows.loc[place].dropna().tolist()))

    def too_long(self) -> Problem:
        """The problem of rows with more fields than columns."""
        return (
            self.rows[len(self.header)].notna(),
            lambda fields: f"the row has more fields than the {len(self.header)} columns of the header",
        )

    def too_short(self, columns: Sequence[str]) -> Problem:
        """The problem of rows that end before one of these columns."""
        last = max(self.header.index(column) for column in columns)
        return self.rows[last].isna(), lambda fields: f"the row has {len(fields)} of {len(self.header)} columns"

    def not_a(self, name: str, what: str) -> Callable[[list[str]], str]:
        """Says of a row that a column has something else: the second part of a `Problem`."""
        place = self.header.index(name)
        return lambda fields: f"the {name} is {fields[place][:40]!r} and not {what}"

    def error(self, place: int, reason: str) -> InputError:
        """Makes the error for a row.

        Args:
            place: place of the row in `all_rows`.
            reason: the problem, as a clause.
        """
        return self.purpose.error(self.path, _line_of(self.all_rows.iloc[:place]), reason)


def read_table(path: str | os.PathLike, purpose: Purpose) -> Table:
    """Reads a CSV file with a header.

    Ignores a byte order mark and blank lines. A quoted field may hold commas, quotes and line ends.

    Raises:
        InputError: the file cannot be read, is not UTF-8 text, or has an unclosed quote.
    """
    from pandas.errors import EmptyDataError, ParserError

    text, path = _text(os.fspath(path), purpose), os.fspath(path)
    try:
        width = len(_parse(text, nrows=1).columns)
        all_rows = _parse_rows(text, width)
    except EmptyDataError:  # nothing but blank lines
        return Table(path, [], _parse_rows("", 1), 1, purpose)
    except (ParserError, csv.Error) as error:  # pandas lets some csv.Errors pass
        raise purpose.error(path, _broken_line(text), f"no row of a CSV file begins here ({error})") from error
    place = int(all_rows[0].iloc[1:].notna().idxmax())
    return Table(path, all_rows.loc[place].dropna().tolist(), all_rows, place, purpose)


def read_lines(path: str | os.PathLike, purpose: Purpose) -> list[str]:
    """Reads the lines of a text file, without a byte order mark and without an empty last line.

    Raises:
        InputError: the file cannot be read, or is not UTF-8 text.
    """
    lines = _LINE_END.split(_text(os.fspath(path), purpose))
    return lines[:-1] if not lines[-1] else lines


def number_in(text: str, most: float = math.inf) -> float:
    """A finite number from 0 to `most`; NaN if the text is none."""
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan
    return value if 0 <= value <= most and value < math.inf else math.nan


def is_count(text: str) -> bool:
    """Whether a text is a whole number from 0 on, of at most nine digits."""
    return text.isascii() and text.isdigit() and len(text) < 10


def write_table(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Makes a CSV file of named columns of one length. Numbers keep every digit; None becomes an empty field.

    Text that was read with `surrogateescape` becomes its original bytes again.
    """
    import pandas

    frame = pandas.DataFrame(columns, dtype=object)
    text = frame.to_csv(index=False, lineterminator="\n")
    if "\r" in text:  # readers end a line at a lone \r, but writers do not quote it
        text = frame.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text.encode(errors="surrogateescape")


def _text(path: str, purpose: Purpose) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {purpose.unreadable} ({error.strerror}); {purpose.another}") from error
    try:
        return content.decode("utf-8-sig", purpose.encoding_errors)  # spreadsheets begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise purpose.error(path, line, "this is not UTF-8 text") from error


def _parse(text: str, **options: Any) -> "pandas.DataFrame":
    import pandas

    # The Python engine marks fields that a row lacks as missing; the C engine makes them empty. `object` holds Python's own
    # text, even if it is not UTF-8, whatever pandas uses for `str`.
    return pandas.read_csv(
        io.StringIO(text, newline=""),
        header=None,
        engine="python",
        dtype=object,
        keep_default_na=False,
        na_filter=False,
        **options,
    )


def _parse_rows(text: str, width: int) -> "pandas.DataFrame":
    """Parses text into `Table.all_rows`, for a header of `width` fields."""
    columns = range(width + 1)
    # pandas takes the number of fields from the first row. With `usecols` it drops extra fields of later rows.
    return _parse("," * width + "\n" + text, names=columns, usecols=columns, skip_blank_lines=False)


def _line_of(rows_before: "pandas.DataFrame") -> int:
    """The line on which a row begins. Each row before it takes one line, plus one for each line end in its fields."""
    fields = rows_before.to_numpy().ravel()
    return len(rows_before) + sum(len(_LINE_END.findall(field)) for field in fields if isinstance(field, str))


def _broken_line(text: str) -> int:
    """The first line of the row that pandas cannot read. pandas parses by Python's `csv`, but does not say where."""
    rows, line = csv.reader(io.StringIO(text, newline=""), strict=True), 1
    with contextlib.suppress(csv.Error):
        for _ in rows:
            line = rows.line_num + 1
    return line
