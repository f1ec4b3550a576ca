"""`yt8m extract --engine beam`: the directory is that of the local command, also after a stop."""

import shutil

import pytest
from grey_videos import Grey, write_grey

from yt8m.data.extraction import NetworkChoice
from yt8m.errors import InputError
from yt8m.extracting.extraction import extract
from yt8m.progress import Messages

CHOICE = NetworkChoice("grey")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    directory = tmp_path_factory.mktemp("videos")
    for number, seconds in enumerate([3, 1, 2, 2.5, 1, 4]):
        write_grey(directory / f"v{number}.mp4", seconds, first=30 + 4 * number, loud=None if number == 3 else 1.0)
    (directory / "v9.mp4").write_bytes(b"no video")
    (directory / "labels.csv").write_text("path,labels\n" + "".join(f"v{number}.mp4,cat\n" for number in range(6)))
    return directory


@pytest.fixture
def on_beam(beam, monkeypatch):
    from yt8m.cluster import extract as module
    from yt8m.cluster.options import BeamOptions

    module._network.cache_clear()
    monkeypatch.setattr(module, "load_network", lambda **choice: Grey())
    yield lambda options="": module.BeamExtraction(BeamOptions(options=options), CHOICE, Messages())
    module._network.cache_clear()


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.mark.thorough
def test_the_directory_is_that_of_one_process(on_beam, made, tmp_path):
    options = {"labels": str(made / "labels.csv"), "records_per_shard": 4, "choice": CHOICE}
    here = extract(str(made), tmp_path / "local", Grey(), **options)
    there = extract(str(made), tmp_path / "beam", Grey(), engine=on_beam(), **options)
    assert (there.num_videos, there.num_extracted, there.num_failed) == (7, 6, 1)
    assert (there.num_frames, there.seconds, there.problems) == (here.num_frames, here.seconds, here.problems)
    found = contents(tmp_path / "beam")
    assert found == contents(tmp_path / "local")
    assert sorted(found) == [
        *("extraction.json", "videos.csv", "videos0000.tfrecord", "videos0001.tfrecord", "vocabulary.csv"),
    ]


def test_one_that_was_killed_goes_on_with_what_workers_had_kept(on_beam, made, tmp_path):
    """The process is gone after the workers' work, with its scratch directory left behind."""
    source = tmp_path / "in"
    shutil.copytree(made, source)
    extract(str(source), tmp_path / "local", Grey(), choice=CHOICE)
    engine = on_beam("--direct_running_mode in_memory")

    class KilledError(BaseException):
        pass

    def killed(orders, making, meter):
        assert len(list(engine(orders[:4], making, meter))) == 4
        scratch = making.directory / ".beam-0"
        scratch.mkdir()
        (scratch / "0.value").write_bytes(b"")
        raise KilledError
        yield

    with pytest.raises(KilledError):
        extract(str(source), tmp_path / "out", Grey(), choice=CHOICE, engine=killed)
    assert len(list((tmp_path / "out/.extracting").glob("*.part"))) == 4
    result = extract(str(source), tmp_path / "out", Grey(), choice=CHOICE, engine=engine)
    assert (result.num_extracted, result.num_kept, result.num_failed) == (2, 4, 1)
    assert contents(tmp_path / "out") == contents(tmp_path / "local")


def test_a_pca_is_fitted_here_alone(beam, made, tmp_path, status_of, capsys):
    assert status_of("extract", made, "--fit-pca", tmp_path / "pca.npz", "--engine", "beam") == 2
    assert capsys.readouterr().err == "yt8m: --fit-pca is fitted in one process; leave out --engine beam\n"


def test_a_failure_of_the_network_is_one_line_and_leaves_nothing(on_beam, made, tmp_path, monkeypatch):
    from yt8m.cluster import extract as module

    class Failing(Grey):
        def frames(self, prepared):
            raise InputError("the network gives nothing")

    monkeypatch.setattr(module, "load_network", lambda **choice: Failing())
    with pytest.raises(InputError, match=r"^the network gives nothing$"):
        extract(str(made), tmp_path / "out", Grey(), choice=CHOICE, engine=on_beam())
    assert not (tmp_path / "out").exists()
