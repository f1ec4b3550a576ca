#!/usr/bin/env bash
# A study that Optuna 4 began goes on with Optuna 5 without a word, and with other choices.
#
# Guessed: a study in SQLite with a seeded TPE sampler goes on the same in the next version, or is refused, or a line says what changed.
# Happened: the file is opened as it is, and the next trials are others: TPE has other defaults now (constant_liar is on, and None
#   stands for many, multivariate among them). With both switched off, learning rates and choices are those of Optuna 4 again;
#   whole numbers are still drawn otherwise.
# Versions: optuna 4.5.0 and 5.0.0, NumPy 2.4.6, SQLAlchemy 2.1.9, Alembic 1.20.1, Python 3.11.
# Why it matters: searches over video models can take days, and are continued. Trials before and after an upgrade are of two searches, a seed
#   does not bring them back, and two machines with different versions disagree. Keep the version for the time of a study.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0 numpy==2.4.6 sqlalchemy==2.1.9 alembic==1.20.1
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$place/four" optuna==4.5.0
cd "$place"
cat > go_on.py <<'END'
import sys
import warnings

storage, num_trials, defaults = sys.argv[1], int(sys.argv[2]), sys.argv[3]
import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
options = {} if defaults == "own" else {"multivariate": False, "constant_liar": False}
sampler = optuna.samplers.TPESampler(seed=0, **options)
study = optuna.create_study(
    study_name="study", storage=f"sqlite:///{storage}", sampler=sampler, direction="maximize", load_if_exists=True
)


def score(trial):
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    batch = trial.suggest_categorical("batch", [16, 32, 64])
    experts = trial.suggest_int("experts", 1, 4)
    return -((rate - 0.01) ** 2) * 1e4 - abs(batch - 32) / 100 + experts / 10


study.optimize(score, n_trials=num_trials)
for trial in study.trials[-2:]:
    print(round(trial.params["rate"], 6), trial.params["batch"], trial.params["experts"])
END
PYTHONPATH=four venv/bin/python go_on.py begun.db 15 own > /dev/null
for name in again five old-defaults; do cp begun.db "$name.db"; done
four=$(PYTHONPATH=four venv/bin/python go_on.py again.db 2 own)
five=$(venv/bin/python go_on.py five.db 2 own)
old=$(venv/bin/python go_on.py old-defaults.db 2 old)
printf 'Optuna 4:\n%s\nOptuna 5:\n%s\nOptuna 5 with the defaults of 4:\n%s\n' "$four" "$five" "$old"
[ "$four" != "$five" ]
[ "$four" != "$old" ]
[ "$(cut -d ' ' -f 1,2 <<< "$four")" = "$(cut -d ' ' -f 1,2 <<< "$old")" ]
