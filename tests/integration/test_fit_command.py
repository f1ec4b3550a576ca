"""`yt8m fit --set`: what is refused before any work."""

import pytest

from yt8m.cli import main


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("num_networks=-1", "--set num_networks is -1; it must be from 0 to 100"),
        ("num_networks=1.5", "--set num_networks is 1.5; it must be a whole number"),
        ("num_networks=101", "--set num_networks is 101; it must be from 0 to 100"),
        ("bandwidth=0", "--set bandwidth is 0.0; it must be above 0"),
        ("bandwidth=wide", "--set bandwidth=wide: 'wide' is no number"),
        ("num_videos=3", "--set num_videos=3: give NAME=VALUE, with one of the names bandwidth, ridge, num_networks"),
    ],
)
def test_values_that_cannot_be_set(pair, message, sample, tmp_path, capsys):
    records, run = str(sample / "2/video/train"), tmp_path / "run"
    with pytest.raises(SystemExit) as ended:
        main(["fit", "kernel_ridge", "--train", records, "--run", str(run), "--set", pair, "--verbose"])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not run.exists()
