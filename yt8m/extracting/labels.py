"""Labels of video files, from a CSV file with the columns `path` and `labels`."""

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from yt8m.data.schema import MOST_CLASSES
from yt8m.data.tables.text import Purpose, Table, read_table, write_table
from yt8m.data.tables.vocabulary import VOCABULARY_FILE, read_class_names
from yt8m.errors import InputError, quantity, unknown_name
from yt8m.progress import Progress

_KEYS = ("path", "id", "video_id")
_LABELS = "labels"
_FLAG = "--labels"
_PURPOSE = Purpose(
    unreadable="cannot be read as labels of videos",
    another=f"name a CSV file with {_FLAG}",
    mend=f"mend the file, or name another with {_FLAG}",
    encoding_errors="surrogateescape",  # names of files may be any bytes
)
_NUMBERS = re.compile(r"[\s,;|]*(\d{1,10}([\s,;|]+|$))*", re.ASCII)
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)
_LIKE_NUMBER = re.compile(r"[-+\d.]*", re.ASCII)
"""A class id, or one that is wrong: no class is named in signs and digits alone."""
_BETWEEN_NUMBERS = re.compile(r"[\s,;|]+")
_BETWEEN_NAMES = re.compile(r"\s*[;|]\s*")


@dataclass(frozen=True)
class Labels:
    """The labels of video files."""

    path: str
    """The CSV file."""
    classes: Mapping[str, tuple[int, ...]]
    """Classes by what the file calls a video."""
    names: Mapping[int, str]
    """Names of classes; empty if the file has numbers and no vocabulary is known."""

    def of(self, videos: Sequence[tuple[str, str]]) -> list[tuple[int, ...] | None]:
        """The classes of each video; None of one that the file does not name.

        A row names a video by its path, by the end of its path (`cats/01.mp4`, `01.mp4`), with or without the ending, or by its
        id. If several rows name it, the one with most of the path counts.

        Args:
            videos: the absolute path and the id of each video.

        Raises:
            InputError: a row that has only the end of a path names two videos.
        """
        found, first = [], {}
        for path, video_id in videos:
            key = next((each for each in (*_ways(path), video_id) if each in self.classes), None)
            if key is not None and first.setdefault(key, path) != path:
                raise InputError(
                    f"{self.path}: {key[:60]!r} is the name of two videos, {first[key]} and {path}; write more of the path"
                )
            found.append(None if key is None else self.classes[key])
        return found

    def unused(self, videos: Sequence[tuple[str, str]]) -> list[str]:
        """What the rows that name none of the videos call theirs."""
        known = {each for path, video_id in videos for each in (*_ways(path), video_id)}
        return [key for key in self.classes if key not in known]


def read_labels(path: str, vocabulary: Mapping[int, str], may_add: bool) -> Labels:
    """Reads labels of videos: class ids with spaces, commas, semicolons or bars between, or names.

    Names have semicolons or bars between; commas, too, unless they are part of a name in the vocabulary. If all words are
    numbers, or most of them are and the vocabulary does not know the others, they are class ids, and one that is no number is
    refused.

    Args:
        path: a CSV file with the columns `path` (or `id`) and `labels`; others do not matter.
        vocabulary: names of known classes.
        may_add: whether names that are not in the vocabulary become new classes, in alphabetical order.

    Raises:
        InputError: the file cannot be read, lacks a column, has a row that is too short or too long, has a video twice, or labels
            that are no classes.
    """
    table = read_table(path, _PURPOSE)
    key = next((each for each in _KEYS if each in table.header), None)
    if key is None or _LABELS not in table.header:
        raise table.error(table.header_place, f"the header must have the columns path (or id) and {_LABELS}")
    rows = table.select((key, _LABELS))
    place = table.header.index(key)
    keys = rows[key].map(lambda text: _key(text, path), na_action="ignore")
    table.refuse(
        [
            table.too_long(),
            table.too_short((key, _LABELS)),
            (rows[key] == "", lambda row: f"the {key} is empty"),
            (keys.duplicated(), lambda row: f"video {row[place][:60]!r} comes a second time"),
        ]
    )
    texts = rows[_LABELS].map(str.strip)
    are_numbers = texts.map(lambda text: bool(_NUMBERS.fullmatch(text))).astype(bool)
    if _are_ids(texts, are_numbers, vocabulary):
        at = table.header.index(_LABELS)
        table.refuse([(~are_numbers, lambda row: _no_id(row[at]))])
        classes, names = _numbers(table, texts), vocabulary
    else:
        classes, names = _named(table, texts, vocabulary, may_add)
    return Labels(path, dict(zip(keys.tolist(), classes, strict=True)), names)


def refuse_unreadable(labels: str | None, vocabulary: str | None) -> None:
    """Raises InputError if a file of labels or of class names cannot be read, or there are class names without labels."""
    if labels is None and vocabulary is not None:
        raise InputError("--vocabulary names the classes of --labels; give that, too")
    if labels is not None:
        read_table(labels, _PURPOSE)
    if vocabulary is not None:
        read_class_names(vocabulary)


def labels_for(
    labels: str | None, vocabulary: str | None, out: Path, videos: Mapping[str, str], progress: Progress
) -> tuple[dict[str, tuple[int, ...] | None], bytes | None]:
    """The labels of videos by id, and the content of the `vocabulary.csv` to write; None = none.

    Args:
        labels: a CSV file (`read_labels`); None = no labels.
        vocabulary: a file of class names; None = the one in `out`, or else beside `labels`, or else one is made.
        out: the directory of the records.
        videos: the paths of the videos, by id.
        progress: gets a line if videos or rows of the file are left over.

    Raises:
        InputError: a file cannot be read, or a label is no class.
    """
    if labels is None:
        return {}, None
    beside = Path(labels).parent / VOCABULARY_FILE
    file = (
        Path(vocabulary)
        if vocabulary
        else next((each for each in (out / VOCABULARY_FILE, beside) if each.is_file()), None)
    )
    names = read_class_names(file) if file else {}
    may_grow = file is None or (file.parent == out and _is_made(file))
    found = read_labels(labels, names, may_grow)
    pairs = [(path, video_id) for video_id, path in videos.items()]
    classes = dict(zip(videos, found.of(pairs), strict=True))
    _tell(found, pairs, classes, progress)
    if not found.names:
        return classes, None
    if file is None or (may_grow and len(found.names) > len(names)):
        return classes, _vocabulary_of(found.names)
    return classes, file.read_bytes()


def _tell(found: Labels, pairs: Sequence[tuple[str, str]], classes: Mapping[str, Any], progress: Progress) -> None:
    """Says which videos and which rows have no counterpart."""
    bare = [path for path, video_id in pairs if classes[video_id] is None]
    if bare:
        progress.message(
            f"{found.path}: does not name {quantity(len(bare), 'video')}, such as {bare[0]}; records without labels"
        )
    unused = found.unused(pairs)
    if unused:
        progress.message(f"{found.path}: rows that name no video here: {len(unused)}, such as {unused[0][:60]!r}")


def _vocabulary_of(names: Mapping[int, str]) -> bytes:
    return write_table({"Index": sorted(names), "Name": [names[index] for index in sorted(names)]})


def _is_made(vocabulary: Path) -> bool:
    """Whether a vocabulary is of the form that is made here, so that nothing is lost if it is written again."""
    return vocabulary.read_bytes().startswith(b"Index,Name\n")


def _key(text: str, table: str) -> str:
    """What a row calls a video, as `_ways` writes it. Paths that begin above the table count from its directory."""
    text = unicodedata.normalize("NFC", text.strip())
    if os.path.isabs(text) or PurePath(text).parts[:1] == ("..",):
        return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(table)), text))
    return os.path.normpath(text) if text else ""


def _ways(path: str) -> list[str]:
    """The ways to name a video file: its path and the ends of it, longest first, each also without the ending."""
    path = unicodedata.normalize("NFC", path)
    parts = path.strip(os.sep).split(os.sep)
    ways = [path, *(os.sep.join(parts[start:]) for start in range(len(parts)))]
    return [each for way in ways for each in (way, os.path.splitext(way)[0])]


def _are_ids(texts, are_numbers, vocabulary: Mapping[int, str]) -> bool:
    """Whether the fields hold class ids, though perhaps some wrong ones."""
    if are_numbers.all():
        return True
    known = {name: index for index, name in vocabulary.items() if name}
    others = [_names_in(text, known) for text in texts[~are_numbers]]
    if all(name in known for names in others for name in names):
        return False
    words = [word for text in texts for word in _BETWEEN_NUMBERS.split(text) if word]
    if all(map(_LIKE_NUMBER.fullmatch, words)):
        return not known
    return 2 * sum(map(bool, map(_NUMBER.fullmatch, words))) > len(words)


def _no_id(text: str) -> str:
    """Says which of the words in a field is no class id."""
    wrong = next(word for word in _BETWEEN_NUMBERS.split(text) if word and not _NUMBER.fullmatch(word))
    return (
        f"{wrong[:40]!r} is no class id, a whole number up to {MOST_CLASSES - 1}, and most labels here are; write ids alone, or "
        "names alone, which --vocabulary lists if they are numbers"
    )


def _numbers(table: Table, texts) -> list[tuple[int, ...]]:
    classes = texts.map(lambda text: tuple(dict.fromkeys(map(int, re.findall(r"\d+", text)))))
    too_large = classes.map(lambda found: max(found, default=0) >= MOST_CLASSES).astype(bool)
    table.refuse([(too_large, lambda row: f"a class is above {MOST_CLASSES - 1}")])
    return [tuple(sorted(each)) for each in classes]


def _named(
    table: Table, texts, vocabulary: Mapping[int, str], may_add: bool
) -> tuple[list[tuple[int, ...]], dict[int, str]]:
    """The classes of each row, and the names of all classes."""
    known = {name: index for index, name in vocabulary.items() if name}
    tokens = texts.map(lambda text: _names_in(text, known))
    if may_add:
        added = sorted({name for names in tokens for name in names} - set(known))
        start = max(vocabulary, default=-1) + 1
        known |= {name: index for index, name in enumerate(added, start)}
    wrong = tokens.map(lambda names: any(name not in known for name in names)).astype(bool)

    def reason(row: Sequence[str]) -> str:
        names = _names_in(row[table.header.index(_LABELS)].strip(), known)
        unknown = next(name for name in names if name not in known)
        text = unknown_name("class", unknown[:60], list(known))
        return text if len(text) <= 300 else f"{text[:300]}..."

    table.refuse([(wrong, reason)])
    classes = [tuple(sorted({known[name] for name in names})) for names in tokens]
    return classes, {**vocabulary, **{index: name for name, index in known.items()}}


def _names_in(text: str, known: Mapping[str, int]) -> tuple[str, ...]:
    """The names of classes in a field, each once."""
    names = []
    for part in filter(None, _BETWEEN_NAMES.split(text)):
        part = " ".join(part.split())
        names += [part] if part in known else [each.strip() for each in part.split(",") if each.strip()]
    return tuple(dict.fromkeys(names))
