#!/usr/bin/env bash
# Apache Beam's BundleBasedDirectRunner refuses every splittable DoFn that yields, and takes the same one if it returns a list.
#
# Guessed: a splittable DoFn that claims each position of its restriction and yields a value for each runs on all of Beam's local
#   runners, as Beam's guide writes them so.
# Happened: FnApiRunner gives the values. BundleBasedDirectRunner, in the same package, ends the pipeline with a ValueError: the
#   restriction tracker is "not done", no position of the range has been claimed. It asks the tracker before it has taken anything
#   from the generator. If the same process() returns list(...) of the same generator, the positions are claimed in time, and it passes.
# Versions: apache-beam 2.77.0, Python 3.11.
# Why it matters: of the local runners that run in one process, this is the one that repeats a bundle that fails. So it seems to be the
#   one to test retries with, and the message blames the DoFn, which is right.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check apache-beam==2.77.0
cat >"$place/look.py" <<'END'
import logging

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.transforms.core import RestrictionProvider


class Numbers(RestrictionProvider):
    def initial_restriction(self, count):
        return OffsetRange(0, count)

    def create_tracker(self, restriction):
        return OffsetRestrictionTracker(restriction)

    def restriction_size(self, count, restriction):
        return restriction.size()


def claimed(tracker):
    restriction = tracker.current_restriction()
    for number in range(restriction.start, restriction.stop):
        if not tracker.try_claim(number):
            return
        yield number


class Yields(beam.DoFn):
    def process(self, count, tracker=beam.DoFn.RestrictionParam(Numbers())):
        yield from claimed(tracker)


class Returns(beam.DoFn):
    def process(self, count, tracker=beam.DoFn.RestrictionParam(Numbers())):
        return list(claimed(tracker))


sums = []


def ran(runner, function):
    try:
        with beam.Pipeline(runner) as pipeline:
            found = pipeline | beam.Create([10, 20]) | beam.ParDo(function())
            found | beam.CombineGlobally(sum) | beam.Map(sums.append)
    except ValueError as error:
        return "refused: " + str(error).partition(" [while")[0]
    return "passed"


REFUSED = "refused: OffsetRestrictionTracker is not done since work in range [0, 10) has not been claimed."
EXPECTED = {
    ("FnApiRunner", Yields): "passed",
    ("FnApiRunner", Returns): "passed",
    ("BundleBasedDirectRunner", Returns): "passed",
    ("BundleBasedDirectRunner", Yields): REFUSED,
}
logging.disable(logging.CRITICAL)
print("apache-beam", beam.__version__)
for (runner, function), expected in EXPECTED.items():
    found = ran(runner, function)
    print(f"{runner:25}{function.__name__:10}{found}")
    assert found.replace("[0, 20)", "[0, 10)") == expected, "Beam does otherwise now"
END
cd "$place" && venv/bin/python -W ignore look.py
