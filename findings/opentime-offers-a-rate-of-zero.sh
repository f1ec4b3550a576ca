#!/usr/bin/env bash
# OpenTimelineIO says that 0 is a rate of timecodes, and the one nearest to 10 frames a second.
#
# Guessed: nearest_smpte_timecode_rate gives one of the ten rates of SMPTE ST 12-1, the least of them for what is below.
# Happened: below 11.99, the half of 23.976, it gives 0.0, and is_smpte_timecode_rate(0.0) is true. The source has an array of eleven
#   numbers with ten initial values; the eleventh is 0. The older names (nearest_valid_timecode_rate) do the same.
# Versions: OpenTimelineIO 0.18.1, Python 3.11.
# Why it matters: time lapses and cameras that watch a place have a few frames a second. A timeline for their clips gets times
#   without a rate, and who divides by it gets an error far from here. Take the least of the rates, or the next multiple, oneself.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check opentimelineio==0.18.1
cd "$place"
venv/bin/python - <<'END'
import warnings
from importlib.metadata import version

from opentimelineio.opentime import RationalTime

warnings.simplefilter("ignore")
print("OpenTimelineIO", version("opentimelineio"))
LEAST = 24000 / 1001
for rate, expected in ((1, 0), (10, 0), (11.98, 0), (11.99, LEAST), (15, LEAST), (23.9, LEAST), (26, 25), (240, 60)):
    found = RationalTime.nearest_smpte_timecode_rate(rate)
    print(f"{rate} frames a second: {found}")
    assert found == RationalTime.nearest_valid_timecode_rate(rate) == expected
for rate, expected in ((0, True), (10, False), (12, False), (LEAST, True), (25, True)):
    is_one = RationalTime.is_smpte_timecode_rate(rate)
    print(f"{rate} is a rate of timecodes: {is_one}")
    assert is_one == RationalTime.is_valid_timecode_rate(rate) == expected
END
