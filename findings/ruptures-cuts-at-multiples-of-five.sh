#!/usr/bin/env bash
# Change points of ruptures lie at multiples of five frames, and one change may become two.
#
# Guessed: a shift of all features at frame 13 and at frame 37 is found there, as it is far above the noise, by every detector.
# Happened: Pelt, Binseg and BottomUp look at every fifth frame alone (jump=5): they say 15, 35 and 40, so one change is two and none
#   is in its place. KernelCPD, with the same kernel and penalty, ignores jump and says 13 and 37; so does Pelt with jump=1.
# Versions: ruptures 1.1.10, NumPy 2.4.6, SciPy 1.17.1, Python 3.11.
# Why it matters: with a frame a second, shots and clips of a video are cut up to two seconds off, in segments whose lengths are
#   multiples of five, which looks like a property of the data (rated segments of YouTube-8M have five seconds). Set jump=1.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check ruptures==1.1.10 numpy==2.4.6 scipy==1.17.1
cd "$place"
venv/bin/python - <<'END'
from importlib.metadata import version

import numpy as np
import ruptures

print({name: version(name) for name in ("ruptures", "numpy", "scipy")})
features = np.random.default_rng(0).normal(size=(60, 16)) * 0.1
features[13:] += 1
features[37:] -= 2
found = {}
for name, detector in {
    "Pelt": ruptures.Pelt(model="rbf"),
    "Binseg": ruptures.Binseg(model="rbf"),
    "BottomUp": ruptures.BottomUp(model="rbf"),
    "Pelt, jump=1": ruptures.Pelt(model="rbf", jump=1),
    "KernelCPD": ruptures.KernelCPD(kernel="rbf"),
}.items():
    found[name] = [int(each) for each in detector.fit(features).predict(pen=1)]
    print(f"{name}: {found[name]}")
assert found["Pelt"] == found["Binseg"] == found["BottomUp"] == [15, 35, 40, 60]
assert found["Pelt, jump=1"] == found["KernelCPD"] == [13, 37, 60]
END
