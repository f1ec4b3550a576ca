"""Finds the classes that words mean, by their names and descriptions, with scikit-learn's TF-IDF.

C = classes with a name, V = words.
"""

import difflib
import functools
import re
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
    from sklearn.feature_extraction.text import strip_accents_unicode

    return strip_accents_unicode(text.casefold())


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


class ClassWords:
    """The words of the classes of a vocabulary.

    Args:
        classes: names and descriptions, at least one of which has a word.
        where: the index, for messages.

    Raises:
        InputError: there are no names.
    """

    def __init__(self, classes: Mapping[int, ClassText], where: str):
        from scipy import sparse
        from sklearn.feature_extraction.text import TfidfVectorizer

        named = {number: text for number, text in classes.items() if words_in(text.name) or words_in(text.description)}
        if not named:
            raise InputError(
                f"{where}: knows no names of classes, which --text searches; add its records again with --vocabulary CSV"
            )
        names, descriptions = ([getattr(text, field) for text in named.values()] for field in ClassText._fields)
        self._vectorizer = TfidfVectorizer(analyzer=words_in, dtype=np.float32, sublinear_tf=True)
        self._vectorizer.fit([f"{name} {description}" for name, description in zip(names, descriptions, strict=True)])
        by_name, by_description = (self._vectorizer.transform(texts) for texts in (names, descriptions))
        weights = by_name.maximum(by_description * np.float32(_WEIGHT_OF_DESCRIPTIONS)).tocoo()
        numbers = np.array(list(named), np.int64)
        shape = (int(numbers.max()) + 1, weights.shape[1])
        self._weights = sparse.csc_matrix((weights.data, (numbers[weights.row], weights.col)), shape)
        self._names = names
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
        known = self._vectorizer.vocabulary_
        found = _without_fillers([word for word in words if word in known])
        unknown = tuple(word for word in words if word not in known and (word not in _fillers() or not found))
        if not found:
            near = self._near(unknown)
            hint = f"; near are {', '.join(near)}" if near else "; yt8m inspect shows what records hold"
            raise InputError(f"no class of {self._where} has {_quoted(unknown)} in its name or description{hint}")
        columns = [known[word] for word in found]
        rarity = self._vectorizer.idf_[columns].astype(np.float32)
        evidence = self._weights[:, columns].toarray().T
        return Meaning(tuple(found), rarity / rarity.sum(), np.ascontiguousarray(evidence, np.float32), unknown)

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


def _quoted(words: Sequence[str]) -> str:
    return " or ".join(map(repr, words))


@functools.cache
def _fillers() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)


def _without_fillers(words: list[str]) -> list[str]:
    """Words such as `of` and `the` count only where there is no other."""
    return [word for word in words if word not in _fillers()] or words
