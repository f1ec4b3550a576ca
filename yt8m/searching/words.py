"""Finds the classes that words mean, by their names and descriptions, with scikit-learn's TF-IDF.

C = classes with a name, V = words.
"""

import difflib
import io
import re
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.errors import InputError
from yt8m.searching.index import ClassText

_WEIGHT_OF_DESCRIPTIONS = 0.3
"""A word of a name counts more than the same word in a description."""
_WORD = re.compile(r"\w+")
_MOST_NEAR = 3
_LONGEST = 1000
"""Characters of a search."""


def stem(word: str) -> str:
    """A word without its plural ending, by the S-stemmer of Harman (1991): `guitars` and `guitar` are one word, `bus` stays."""
    if len(word) > 4 and word.endswith("ies") and not word.endswith(("eies", "aies")):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("us", "ss", "is")):
        return word[:-1]
    return word


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in parts if not unicodedata.combining(each))


def words_in(text: str) -> list[str]:
    """The words of a text, without case, accents and plural endings."""
    return [stem(each) for each in _WORD.findall(_plain(text))]


@dataclass(frozen=True)
class Meaning:
    """What the words of a search mean."""

    words: tuple[str, ...]
    """The words that count."""
    shares: np.ndarray
    """How much each word counts, float32 [words]; together 1."""
    evidence: np.ndarray
    """How much each class says of each word, from 0 to 1, float32 [words, classes]."""
    unknown: tuple[str, ...]
    """Words that are in no name and no description."""


def packed_words(classes: Mapping[int, ClassText]) -> bytes:
    """The words of classes with their weights, for `ClassWords`. An index keeps them, as loading scikit-learn takes two seconds.

    Args:
        classes: names and descriptions.

    Returns:
        The content of an .npz file, which holds nothing if no class has a word.
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    named = {number: text for number, text in classes.items() if words_in(text.name) or words_in(text.description)}
    content = io.BytesIO()
    if not named:
        np.savez(content)
        return content.getvalue()
    names, descriptions = ([getattr(text, field) for text in named.values()] for field in ClassText._fields)
    vectorizer = TfidfVectorizer(analyzer=words_in, dtype=np.float32, sublinear_tf=True)
    vectorizer.fit([f"{name} {description}" for name, description in zip(names, descriptions, strict=True)])
    by_name, by_description = (vectorizer.transform(texts) for texts in (names, descriptions))
    weights = by_name.maximum(by_description * np.float32(_WEIGHT_OF_DESCRIPTIONS)).tocoo()
    numbers = np.array(list(named), np.int64)
    shape = (int(numbers.max()) + 1, weights.shape[1])
    columns = sparse.csc_matrix((weights.data, (numbers[weights.row], weights.col)), shape)
    np.savez(
        content,
        words=vectorizer.get_feature_names_out().astype(str),
        rarity=vectorizer.idf_.astype(np.float32),
        weights=columns.data,
        classes=columns.indices,
        ends=columns.indptr[1:],
        fillers=np.array(sorted(ENGLISH_STOP_WORDS)),
    )
    return content.getvalue()


class ClassWords:
    """The words of the classes of a vocabulary.

    Args:
        content: from `packed_words`.
        classes: the same names and descriptions.
        where: the index, for messages.

    Raises:
        InputError: there are no names, or the content is damaged.
    """

    def __init__(self, content: bytes, classes: Mapping[int, ClassText], where: str):
        try:
            with np.load(io.BytesIO(content)) as arrays:
                found = dict(arrays)
        except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{where}: its words are damaged ({error}); remove it, and make it anew with --add"
            ) from error
        if not found:
            raise no_names(where)
        self._places = {word: place for place, word in enumerate(found["words"].tolist())}
        self._rarity, self._weights = found["rarity"], found["weights"]
        self._classes, self._ends = found["classes"], found["ends"]
        self._fillers = frozenset(found["fillers"].tolist())
        self._num_classes = max(classes) + 1
        self._names = [text.name for text in classes.values()]
        self._where = where

    def meaning(self, text: str) -> Meaning:
        """What a search means.

        Raises:
            InputError: it has no word, or none of its words is in a name or description. The message names near words.
        """
        words = list(dict.fromkeys(words_in(text[:_LONGEST])))
        if not words:
            raise InputError(
                f"--text is {text[:60]!r}, which has no word; name what to look for, as in --text 'concert guitar'"
            )
        found = [word for word in words if word in self._places]
        found = [word for word in found if word not in self._fillers] or found
        unknown = tuple(word for word in words if word not in self._places and (word not in self._fillers or not found))
        if not found:
            near = self._near(unknown)
            hint = f"; near are {', '.join(near)}" if near else "; yt8m inspect shows what records hold"
            raise InputError(f"no class of {self._where} has {_quoted(unknown)} in its name or description{hint}")
        places = [self._places[word] for word in found]
        rarity = self._rarity[places]
        evidence = np.zeros((len(found), self._num_classes), np.float32)
        for row, place in zip(evidence, places, strict=True):
            entries = slice(self._ends[place - 1] if place else 0, self._ends[place])
            row[self._classes[entries]] = self._weights[entries]
        return Meaning(tuple(found), rarity / rarity.sum(), evidence, unknown)

    def near(self, meaning: Meaning) -> tuple[str, ...]:
        """Names of classes with words like those that are unknown."""
        return self._near(meaning.unknown)

    def _near(self, words: Sequence[str]) -> tuple[str, ...]:
        own: dict[str, str] = {}
        for name in self._names:
            for word in words_in(name):
                own.setdefault(word, name)
        close = [each for word in words for each in difflib.get_close_matches(word, own, _MOST_NEAR, 0.7)]
        inside = [
            each for word in words if len(word) > 2 for each in own if word in each or (len(each) > 3 and each in word)
        ]
        return tuple(dict.fromkeys(own[each] for each in [*close, *inside]))[:_MOST_NEAR]


def no_names(where: str) -> InputError:
    """The error for an index without names of classes."""
    return InputError(
        f"{where}: knows no names of classes, which --text searches; add its records again with --vocabulary CSV"
    )


def _quoted(words: Sequence[str]) -> str:
    return " or ".join(map(repr, words))
