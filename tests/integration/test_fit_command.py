"""`yt8m fit`: what is refused before any work, and the names of its flags."""

import pytest

from yt8m.cli import main


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("num_networks=-1", "--set num_networks is -1; it must be from 0 to 100"),
        ("num_networks=1.5", "--set num_networks is 1.5; it must be a whole number"),
        ("num_networks=101", "--set num_networks is 101; it must be from 0 to 100"),
        ("bandwidth=0", "--set bandwidth is 0.0; it must be at least 0.001"),
        ("bandwidth=1e-9", "--set bandwidth is 1e-09; it must be at least 0.001"),
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


def fit_of(sample, place) -> list[str]:
    records = str(sample / "2/video/train")
    return ["fit", "neighbours", "--train", records, "--run", str(place / "run"), "--verbose"]


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (["--set", "sharpness=1", "sharpness=2"], "--set sharpness=2: sharpness is given twice; leave one out"),
        (
            ["--fold", "0/2", "--validate", "nowhere"],
            "yt8m: --fold 0/2 validates on the training records that it leaves out; leave out --validate\n",
        ),
        (["--fold", "2/2"], "yt8m: --fold is '2/2'; "),
    ],
)
def test_mistakes_name_the_flags_of_fit(further, message, sample, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*fit_of(sample, tmp_path), *further])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_remarks_name_the_flags_of_fit(sample, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(fit_of(sample, tmp_path))
    assert not ended.value.code
    said = capsys.readouterr().err
    assert "names 12 classes, and so many the model has; --num-classes gives another number" in said
    assert "--data." not in said
