"""Trials that learned from other records than the first one."""

import json

from yt8m.runs import RunDirectory
from yt8m.tuning.records import other_records


def trial(trials, number, noted) -> RunDirectory:
    run = RunDirectory(trials / f"{number:04d}")
    run.path.mkdir(parents=True)
    if noted is not None:
        run.records.write_text(noted if isinstance(noted, str) else json.dumps(noted))
    return run


def test_a_trial_of_other_records_is_named(tmp_path):
    of_old, damaged = trial(tmp_path, 0, None), trial(tmp_path, 1, "{")
    assert [other_records(tmp_path, run) for run in (of_old, damaged)] == [None, None]
    first = trial(tmp_path, 2, {"train": [["a", 1, 2]]})
    same, other = trial(tmp_path, 3, {"train": [["a", 1, 2]]}), trial(tmp_path, 4, {"train": [["a", 1, 3]]})
    assert [other_records(tmp_path, run) for run in (of_old, damaged, first, same)] == [None] * 4
    assert other_records(tmp_path, other).startswith(
        f"{other.path}: learned from other records than {first.path}, because files"
    )
