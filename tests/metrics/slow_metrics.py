"""The metrics once more, straight from their definitions: exact fractions, plain loops, every order of tied entries."""

from fractions import Fraction
from itertools import permutations


def average_precision(entries, num_positives):
    """Entries are (score, hit). The mean over all their orders, each sorted by score without moving equal ones."""
    values = []
    for order in permutations(entries):
        ranked = sorted(order, key=lambda entry: -entry[0])
        found, total = 0, Fraction(0)
        for rank, (_, hit) in enumerate(ranked, start=1):
            found += hit
            total += Fraction(int(hit) * found, rank)
        values.append(total / num_positives)
    return float(sum(values) / len(values))


def tied_average_precision(entries, num_positives):
    """The same by the documented formula, an entry at a time, for lists too long for all their orders."""
    ranked = sorted(entries, key=lambda entry: -entry[0])
    total, rank, found = Fraction(0), 0, 0
    while rank < len(ranked):
        block = [hit for score, hit in ranked[rank:] if score == ranked[rank][0]]
        size, hits = len(block), sum(map(int, block))
        for place in range(1, size + 1):
            before = Fraction((place - 1) * (hits - 1), size - 1) if size > 1 else 0
            total += Fraction(hits, size) * (found + 1 + before) / (rank + place)
        rank, found = rank + size, found + hits
    return float(total / num_positives)


def best(row, top_k):
    return sorted(range(len(row)), key=lambda class_id: (-row[class_id], class_id))[:top_k]


def gap(scores, labels, top_k):
    entries = [(row[c], bool(flags[c])) for row, flags in zip(scores, labels, strict=True) for c in best(row, top_k)]
    return tied_average_precision(entries, sum(sum(map(int, flags)) for flags in labels))


def class_average_precisions(scores, labels, top_k):
    """Average precision and positives of every class that has one, by class."""
    values = {}
    for class_id in range(len(scores[0])):
        positives = sum(int(flags[class_id]) for flags in labels)
        entries = [
            (row[class_id], bool(flags[class_id]))
            for row, flags in zip(scores, labels, strict=True)
            if class_id in best(row, top_k)
        ]
        if positives:
            values[class_id] = (tied_average_precision(entries, positives), positives)
    return values


def mean_average_precision(scores, labels, top_k):
    values = [precision for precision, _ in class_average_precisions(scores, labels, top_k).values()]
    return sum(values) / len(values)


def expected_hits(row, flags, depth):
    """Mean over all orders of the classes, each sorted by score without moving equal ones."""
    totals = []
    for order in permutations(range(len(row))):
        ranked = sorted(order, key=lambda class_id: -row[class_id])
        totals.append(sum(int(flags[class_id]) for class_id in ranked[:depth]))
    return Fraction(sum(totals), len(totals))


def hit_at_one(scores, labels):
    return float(sum(expected_hits(row, flags, 1) for row, flags in zip(scores, labels, strict=True)) / len(scores))


def precision_at_equal_recall_rate(scores, labels):
    values = []
    for row, flags in zip(scores, labels, strict=True):
        count = sum(map(int, flags))
        if count:
            values.append(expected_hits(row, flags, count) / count)
    return float(sum(values) / len(values))
