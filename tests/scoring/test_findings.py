"""Findings of batches, merged in any order: the same result, bit for bit."""

import pickle

import numpy as np
import pytest

from yt8m.data.repeats import RepeatError
from yt8m.data.source import Source
from yt8m.errors import InputError
from yt8m.scoring.evaluation import Findings
from yt8m.scoring.scorer import Scored

SOURCE = Source(("a.tfrecord",), "frame", ("rgb",), 7)


def batches(level: str) -> list[Scored]:
    random, found = np.random.default_rng(5), []
    for number, size in enumerate((3, 1, 40, 7, 64)):
        labels = np.sort(random.integers(-1, 7, (size, 2)), axis=1)[:, ::-1].astype(np.int32)
        labels[labels[:, 0] == labels[:, 1], 1] = -1
        of_segments = {}
        if level == "segment":
            scores = random.integers(0, 2, (size, 2)).astype(np.float32)
            of_segments = {"segment_starts": np.arange(size, dtype=np.int32) * 5, "label_scores": scores}
        ids = [f"v{number}{row}".encode() for row in range(size)]
        losses = (random.gamma(2, 300, size) * random.choice([1e-6, 1.0], size)).astype(np.float32)
        logits = random.normal(size=(size, 7)).astype(np.float32)
        found.append(Scored(ids, logits, labels, losses, num_cut=number, **of_segments))
    return found


def found_in(level: str, some) -> Findings:
    findings = Findings(level, 7)
    for batch in some:
        findings.add(batch)
    return findings


@pytest.mark.parametrize("level", ["frame", "segment"])
def test_the_order_of_batches_and_mergers_does_not_matter(level):
    every = batches(level)
    expected = found_in(level, every).result(SOURCE)
    merged = Findings(level, 7)
    for number in (4, 0, 2, 3, 1):
        merged.merge(pickle.loads(pickle.dumps(found_in(level, [every[number]]))))
    assert merged.result(SOURCE) == expected
    assert merged.num_cut == 0 + 1 + 2 + 3 + 4
    exact = sum(float(loss) for batch in every for loss in batch.losses) / 115
    assert expected["loss"] == pytest.approx(exact, rel=1e-12)


def test_few_findings_take_little_room_on_their_way_to_another_process():
    assert len(pickle.dumps(found_in("frame", batches("frame")[:1]))) < 10_000


def test_what_comes_twice_and_nothing_at_all_are_errors():
    every = batches("frame")
    findings = found_in("frame", every)
    with pytest.raises(RepeatError, match="'v00' comes twice"):
        findings.merge(found_in("frame", every[:1]))
    with pytest.raises(
        InputError, match=r"^a\.tfrecord: there is nothing to evaluate; the files hold no usable record$"
    ):
        Findings("frame", 7).result(SOURCE)
