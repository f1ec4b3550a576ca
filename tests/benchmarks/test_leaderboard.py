"""`make leaderboard` goes on with its own members alone."""

import pytest

from benchmarks.leaderboard import Leaderboard
from yt8m.errors import InputError


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"folds": 5}, "has members of folds 3, not 5; name another RUN=DIR, or delete it"),
        ({"seed": 1, "data": "other"}, "has members of data here, not other and seed 0, not 1; name another"),
    ],
)
def test_members_of_other_flags_are_refused(tmp_path, monkeypatch, changed, told):
    asked = {"data": "here", "run": tmp_path / "run", "folds": 3, "seed": 0}

    class AtWork(Exception):
        """Stands for the work, which begins with the first member."""

    def begin(*_):
        raise AtWork

    monkeypatch.setattr(Leaderboard, "_stored", begin)
    for _ in range(2):  # the second time it goes on
        with pytest.raises(AtWork):
            Leaderboard(**asked).make()
    with pytest.raises(InputError, match=f"run-members: {told}"):
        Leaderboard(**asked | changed).make()
