"""Example videos with the runs' predictions, and confusions of classes."""

import os
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from yt8m.data.tables.vocabulary import class_name
from yt8m.download.addresses import known_addresses, watch_url
from yt8m.views.browse.reading import ids_on, shown
from yt8m.views.report.measuring import NUM_EXAMPLES, Example, RunResult


@dataclass(frozen=True)
class ConfusionLine:
    """A pair of confused classes: the number of videos, and their share of all videos with the missed class."""

    missed: str
    given: str
    count: int
    share: float


def confusion_lines(result: RunResult, names: Mapping[int, str]) -> list[ConfusionLine]:
    """The most frequent confusions of a run."""
    positives = dict(zip(result.per_class.class_ids.tolist(), result.per_class.num_positives.tolist(), strict=True))
    return [
        ConfusionLine(class_name(missed, names), class_name(given, names), count, count / positives[missed])
        for missed, given, count in result.confusions
    ]


@dataclass(frozen=True)
class Label:
    """A class of an example."""

    name: str
    is_present: bool


@dataclass(frozen=True)
class Prediction:
    """A run's prediction for an example."""

    name: str
    probability: float
    verdict: str
    """`hit`, `miss`, or `unrated` if the segment has no rating for the class."""


@dataclass(frozen=True)
class Card:
    """An example with the predictions of every run. They are empty for a run that did not see it."""

    name: str
    labels: Sequence[Label]
    predictions: Sequence[Sequence[Prediction]]
    address: str = ""
    """The address of the video's page, at the segment's first second; empty if it is not known."""


def known_pages(results: Sequence[RunResult]) -> dict[str, str]:
    """The addresses of the examples that `yt8m id` found before, by their names. It asks nobody."""
    names = {example.name for result in results for example in result.examples.values()}
    moments = {name: name.rpartition(":")[::2] if results[0].is_segments else (name, "0") for name in names}
    known = known_addresses({video for video, _ in moments.values()})
    return {name: watch_url(known[video], int(start)) for name, (video, start) in moments.items() if video in known}


def browsed_pages(results: Sequence[RunResult], browse: str | os.PathLike, out: str | os.PathLike) -> dict[str, str]:
    """Places on a page of `yt8m browse`, of the examples that it has, by their names. Links are relative to the report.

    Args:
        results: the runs.
        browse: the page.
        out: the report.

    Raises:
        InputError: the file is no such page.
    """
    there = ids_on(browse)
    place = urllib.parse.quote(os.path.relpath(browse, os.path.dirname(os.path.abspath(out))))
    names = {example.name for result in results for example in result.examples.values()}
    moments = {name: name.rpartition(":")[::2] if results[0].is_segments else (name, "0") for name in names}
    return {
        name: f"{place}#{urllib.parse.quote(shown(video), safe='')}@{start}"
        for name, (video, start) in moments.items()
        if shown(video) in there
    }


def cards(
    results: Sequence[RunResult], names: Mapping[int, str], addresses: Mapping[str, str] = MappingProxyType({})
) -> list[Card]:
    """The examples of all runs. If runs were scored on different records, a card has only the runs that saw the example.

    Args:
        results: the runs.
        names: names by class.
        addresses: addresses of the videos' pages, by the names of the examples.
    """
    digests = sorted(set().union(*(result.examples for result in results)))[:NUM_EXAMPLES]
    made = []
    for digest in digests:
        of_runs = [result.examples.get(digest) for result in results]
        one = next(example for example in of_runs if example)
        labels = [Label(class_name(each, names), True) for each in one.present]
        labels += [Label(class_name(each, names), False) for each in one.absent or ()]
        predictions = [_predictions(each, names) if each else [] for each in of_runs]
        made.append(Card(one.name, labels, predictions, addresses.get(one.name, "")))
    return made


def _predictions(example: Example, names: Mapping[int, str]) -> list[Prediction]:
    def verdict(class_id: int) -> str:
        if class_id in example.present:
            return "hit"
        return "miss" if example.absent is None or class_id in example.absent else "unrated"

    return [
        Prediction(class_name(class_id, names), probability, verdict(class_id))
        for class_id, probability in example.predictions
    ]
