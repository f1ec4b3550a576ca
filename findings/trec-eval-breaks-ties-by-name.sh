#!/usr/bin/env bash
# pytrec_eval gives another average precision when a video is renamed, and takes scores that differ for equal ones.
#
# Guessed: equal scores share their places, as in scikit-learn, or keep the order in which they were given; double precision is used.
# Happened: equal scores are ordered by the document's name, the last in the alphabet first: of one positive and one negative with
#   one score, MAP is .5 if the positive is called aaaa and 1 if it is called zzzz (scikit-learn: .5 for both). Scores are kept
#   in 32 bits, so that 1 - 1e-9 and 1 - 2e-9 are equal, and 2e-46 and 1e-46, too.
# Versions: pytrec_eval-terrier 0.5.11, scikit-learn 1.9.1, NumPy 2.4.6, Python 3.11.
# Why it matters: who checks MAP of many classes against the standard tool of retrieval sees differences that are ties:
#   probabilities near 1 of confident models, and equal ones of lists with few digits. Compare with logits, and without ties.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check pytrec_eval-terrier==0.5.11 scikit-learn==1.9.1 numpy==2.4.6
cd "$place"
venv/bin/python - <<'END'
from importlib.metadata import version

import pytrec_eval
from sklearn.metrics import average_precision_score

print({name: version(name) for name in ("pytrec_eval-terrier", "scikit-learn", "numpy")})


def mean_average_precision(positive, negative, scores):
    judged = {"class 0": {positive: 1, negative: 0}}
    ranked = {"class 0": dict(zip((positive, negative), scores, strict=True))}
    return pytrec_eval.RelevanceEvaluator(judged, {"map"}).evaluate(ranked)["class 0"]["map"]


tied = [mean_average_precision(name, "bbbb", (0.5, 0.5)) for name in ("aaaa", "zzzz")]
print("one score for both:", tied, "scikit-learn:", average_precision_score([1, 0], [0.5, 0.5]))
assert tied == [0.5, 1.0]
assert average_precision_score([1, 0], [0.5, 0.5]) == 0.5
for scores in ((1 - 1e-9, 1 - 2e-9), (2e-46, 1e-46)):
    found = mean_average_precision("aaaa", "bbbb", scores)
    print("the positive is greater:", scores, found, "scikit-learn:", average_precision_score([1, 0], scores))
    assert scores[0] > scores[1] and found == 0.5 and average_precision_score([1, 0], scores) == 1
assert mean_average_precision("aaaa", "bbbb", (0.6, 0.5)) == 1
END
