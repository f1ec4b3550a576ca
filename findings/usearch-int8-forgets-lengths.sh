#!/usr/bin/env bash
# An index of usearch in 8 bits finds other neighbours by Euclidean distance than one in 16: it keeps directions alone.
#
# Guessed: "i8" rounds features of -2 to 2 to 256 steps, as YouTube-8M stores them, and finds nearly the same neighbours as "f16".
# Happened: each vector is scaled by its own length before it is rounded. A vector and its double are at distance 0, distances
#   are in no unit of the features (hundreds where they should be below one), and of the true ten neighbours of clipped Gaussian
#   features some six are found, where "f16" finds nearly all. By cosine more than nine are found.
# Versions: usearch 2.26.6, NumPy 2.4.6, Python 3.11.
# Why it matters: features of videos are whitened, so their lengths differ and mean something; who searches by Euclidean distance in
#   8 bits gets other videos without a word. By cosine, or in "f16", little is lost.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check usearch==2.26.6 numpy==2.4.6
cd "$place"
venv/bin/python - <<'END'
import numpy as np
import usearch
from usearch.index import Index

print("usearch", usearch.__version__, "numpy", np.__version__)
vector = np.linspace(-1, 1, 64, dtype=np.float32)
random = np.random.default_rng(0)
stored = random.normal(size=(4000, 64)).clip(-2, 2).astype(np.float32)
asked = (stored[:50] + random.normal(size=(50, 64)) * 0.1).astype(np.float32)
distances = ((asked[:, None] - stored[None]) ** 2).sum(axis=-1)
nearest = np.argsort(distances, axis=1)[:, :10]
to_double, recall, first = {}, {}, {}
for kind in ("f16", "i8"):
    pair = Index(ndim=64, metric="l2sq", dtype=kind)
    pair.add(np.array([0, 1]), np.stack([vector, 2 * vector]), threads=1)
    to_double[kind] = float(max(pair.search(vector, 2).distances))
    index = Index(ndim=64, metric="l2sq", dtype=kind)
    index.add(np.arange(len(stored)), stored, threads=1)
    found = index.search(asked, 10, threads=1)
    recall[kind] = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.keys.tolist(), nearest.tolist())])
    first[kind] = float(found.distances[0][0])
    print(f"{kind}: to its double {to_double[kind]:.2f}, first distance {first[kind]:.2f}, recall {recall[kind]:.2f}")
print(f"true first distance {distances[0].min():.2f}, to its double {(vector ** 2).sum():.2f}")
assert abs(to_double["f16"] - (vector**2).sum()) < 0.01 and to_double["i8"] == 0
assert abs(first["f16"] - distances[0].min()) < 0.01 and first["i8"] > 100
assert recall["f16"] > 0.95 and recall["i8"] < 0.7

index = Index(ndim=64, metric="cos", dtype="i8")
index.add(np.arange(len(stored)), stored, threads=1)
found = index.search(asked, 10, threads=1).keys.tolist()
nearest = np.argsort(-(asked @ stored.T) / np.linalg.norm(stored, axis=1), axis=1)[:, :10].tolist()
by_cosine = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, nearest)])
print(f"i8 by cosine: recall {by_cosine:.2f}")
assert by_cosine > 0.9
END
