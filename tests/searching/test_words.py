"""Words that mean classes: plurals, case, accents, fillers, near words."""

import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.searching.index import ClassText
from yt8m.searching.words import ClassWords, packed_words, stem, words_in

CLASSES = {
    0: ClassText("Concert", "A live music performance"),
    3: ClassText("Guitar", "A musical instrument"),
    4: ClassText("Electric guitar", "A guitar with pickups"),
    5: ClassText("The Who", ""),
    7: ClassText("Café", "A place to drink"),
    9: ClassText("", ""),
}


@pytest.fixture(scope="module")
def words():
    return ClassWords(packed_words(CLASSES), CLASSES, "index")


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("guitars", "guitar"),
        ("parties", "party"),
        ("churches", "church"),
        ("boxes", "box"),
        ("glasses", "glass"),
        ("dishes", "dish"),
        ("horses", "horse"),
        ("movies", "movy"),
        ("bus", "bus"),
        ("tennis", "tennis"),
        ("chess", "chess"),
        ("gas", "gas"),
    ],
)
def test_plurals(plural, singular):
    assert stem(plural) == singular
    assert stem(singular) == stem(stem(plural))


def test_case_accents_and_signs_do_not_matter():
    assert words_in("CAFÉS & Horse-Riding, C++") == ["cafe", "horse", "riding", "c"]


def best(meaning) -> list[int]:
    total = (meaning.shares[:, None] * meaning.evidence).sum(axis=0)
    return [int(each) for each in np.argsort(-total, kind="stable") if total[each] > 0]


def test_a_name_counts_more_than_part_of_one_and_more_than_a_description(words):
    assert best(words.meaning("guitar")) == [3, 4]
    assert best(words.meaning("electric guitars"))[0] == 4
    assert best(words.meaning("music")) == [0]
    assert best(words.meaning("cafe")) == best(words.meaning("CAFÉ")) == [7]
    evidence = words.meaning("guitar").evidence
    assert evidence[0, 3] == pytest.approx(1.0)
    assert 0.3 < evidence[0, 4] < 1.0


def test_shares_are_one_together_and_rare_words_have_more(words):
    meaning = words.meaning("guitar pickups")
    assert meaning.shares.sum() == pytest.approx(1.0)
    assert meaning.shares[1] > meaning.shares[0]


def test_fillers_count_only_alone(words):
    assert words.meaning("a video of the guitar").words == ("guitar",)
    assert words.meaning("a video of the guitar").unknown == ("video",)
    assert best(words.meaning("the who"))[0] == 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("guitrr", "near are Guitar"),
        ("concertina", "near are Concert"),
        ("zzzzzz qqqqq", "'zzzzzz' or 'qqqqq' in its name or description; yt8m inspect"),
        ("", "has no word"),
        ("!?", "has no word"),
    ],
)
def test_words_that_no_class_has(words, text, problem):
    with pytest.raises(InputError, match=problem.replace("(", r"\(")):
        words.meaning(text)


def test_a_vocabulary_without_names_is_told():
    with pytest.raises(InputError, match="knows no names of classes"):
        ClassWords(packed_words({1: ClassText("", "")}), {}, "index")
    with pytest.raises(InputError, match="its words are damaged"):
        ClassWords(b"PK no words", CLASSES, "index")
