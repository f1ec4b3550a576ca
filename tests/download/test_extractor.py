"""The published extractor's files from a server on this machine: noted, checked, resumed and unpacked."""

import hashlib
import io
import json
import random
import tarfile

import pytest
from misbehaving_server import QUICK, Fault, serve

from yt8m.download.extractor import FILES, LOCK_NAME, ExtractorDownload
from yt8m.errors import InputError

KEPT = [name for file in FILES for name in file.kept]


def archive(**members: bytes) -> bytes:
    """A .tgz as the published ones: files in the top folder, here and there with ./ before their names."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        for number, (name, data) in enumerate(members.items()):
            member = tarfile.TarInfo(("./" if number % 2 else "") + name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture
def contents():
    noise = random.Random(4)
    return {name: noise.randbytes(40_000 + 1_000 * place) for place, name in enumerate(KEPT)}


@pytest.fixture
def served(contents):
    """The published names below one address."""
    files = {}
    for file in FILES:
        members = {name: contents[name] for name in file.members}
        more = {"cropped_panda.jpg": b"panda", "../outside.npy": b"outside"}
        files[f"/{file.name}"] = archive(**more, **members) if members else contents[file.name]
    with serve(files) as server:
        yield server


@pytest.fixture
def fetch(served, tmp_path):
    def run(out="out", **options):
        with ExtractorDownload(tmp_path / out, base_url=served.url, patience=QUICK, **options) as downloading:
            return downloading.run()

    return run


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def lock_of(directory) -> dict:
    return json.loads((directory / LOCK_NAME).read_text())["files"]


def test_the_addresses_are_the_published_ones():
    addresses = {file.url for file in FILES}
    assert "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz" in addresses
    assert "https://storage.googleapis.com/audioset/vggish_model.ckpt" in addresses
    assert {url.partition("data.yt8m.org")[2] for url in addresses if "data.yt8m.org" in url} == {
        "/yt8m_pca.tgz",
        *(f"/pca_matrix_data/{name}_matrix_data.pb" for name in ("inception3_mean", "inception3_projection")),
        *(f"/pca_matrix_data/{name}_matrix_data.pb" for name in ("vggish_mean", "vggish_projection")),
    }


def test_files_arrive_unpacked_and_are_noted(served, fetch, contents, tmp_path):
    result = fetch()
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {*KEPT, LOCK_NAME}
    assert not (tmp_path / "outside.npy").exists()
    for name in KEPT:
        assert (out / name).read_bytes() == contents[name]
    assert [(each.name, each.num_bytes, each.sha256, each.state) for each in result.files] == [
        (name, len(contents[name]), sha256(contents[name]), "fetched") for name in KEPT
    ]
    lock = lock_of(out)
    assert {name: entry["sha256"] for name, entry in lock.items()} == {
        **{name: sha256(contents[name]) for name in KEPT},
        **{file.name: sha256(served.files[f"/{file.name}"]) for file in FILES},
    }
    assert lock["mean.npy"]["url"] == "http://data.yt8m.org/yt8m_pca.tgz"


def test_a_second_run_fetches_nothing_and_reads_all(served, fetch):
    fetch()
    served.log.clear()
    assert {each.state for each in fetch().files} == {"there"}
    assert served.log == []


def test_a_lost_connection_is_taken_up_where_it_broke(served, fetch, contents, tmp_path):
    served.faults["/vggish_model.ckpt"] = [Fault(drop=10_000), Fault(drop=5_000)]
    fetch()
    assert (tmp_path / "out/vggish_model.ckpt").read_bytes() == contents["vggish_model.ckpt"]
    assert [sent.first for sent in served.log if sent.path == "/vggish_model.ckpt"] == [0, 10_000, 15_000]


def test_what_a_killed_run_left_is_used(served, fetch, contents, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "vggish_model.ckpt.part").write_bytes(contents["vggish_model.ckpt"][:20_000])
    (out / "yt8m_pca.tgz").write_bytes(served.files["/yt8m_pca.tgz"])
    fetch()
    firsts = {sent.path: sent.first for sent in served.log}
    assert firsts["/vggish_model.ckpt"] == 20_000
    assert "/yt8m_pca.tgz" not in firsts
    assert {path.name for path in out.iterdir()} == {*KEPT, LOCK_NAME}


def test_a_file_that_was_changed_here_is_refused(fetch, tmp_path):
    fetch()
    path = tmp_path / "out/mean.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(InputError, match=r"mean.npy: has the sha256 .* says .*; remove the file to fetch it again"):
        fetch()
    path.unlink()
    assert {each.name: each.state for each in fetch().files}["mean.npy"] == "fetched"
    assert path.read_bytes() == content


def test_a_file_that_was_changed_there_is_refused(served, fetch, contents, tmp_path):
    """Also in another folder, into which the lock file was copied."""
    fetch()
    other = tmp_path / "other"
    other.mkdir()
    (other / LOCK_NAME).write_bytes((tmp_path / "out" / LOCK_NAME).read_bytes())
    name = "vggish_model.ckpt"
    served.files[f"/{name}"] = contents[name][:-1] + b"x"
    with pytest.raises(
        InputError, match=rf"1 file cannot be had: {name} \(its sha256 is .* should be .*take its entry out"
    ):
        fetch("other")
    assert {path.name for path in other.iterdir()} == {*KEPT, LOCK_NAME} - {name}
    assert lock_of(other) == lock_of(tmp_path / "out")
    lock = lock_of(other)
    del lock[name]
    (other / LOCK_NAME).write_text(json.dumps({"files": lock}))
    fetch("other")
    assert lock_of(other)[name]["sha256"] == sha256(served.files[f"/{name}"])


def test_a_file_that_the_server_lacks_does_not_stop_the_others(served, fetch, tmp_path):
    del served.files["/vggish_mean_matrix_data.pb"]
    with pytest.raises(
        InputError, match=r"1 file cannot be had: vggish_mean_matrix_data.pb \(404 Not Found\); run the same"
    ):
        fetch()
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {*KEPT, LOCK_NAME} - {"vggish_mean_matrix_data.pb"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>Log in</html>", "it is damaged, or no archive"),
        (archive(**{"eigenvals.npy": b"1"}), "it has no eigenvecs.npy, mean.npy"),
        (archive(**{"mean.npy": random.Random(1).randbytes(9_000)})[:-900], "it is damaged, or no archive"),
    ],
)
def test_archives_of_something_else_leave_nothing_to_trust(served, fetch, tmp_path, content, message):
    served.files["/yt8m_pca.tgz"] = content
    with pytest.raises(InputError, match=message):
        fetch()
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert not left & {"yt8m_pca.tgz", "mean.npy", "yt8m_pca.tgz.part"}
    assert "yt8m_pca.tgz" not in lock_of(tmp_path / "out")


def test_a_server_of_which_nothing_can_be_had_leaves_no_folder(fetch, served, tmp_path):
    served.files.clear()
    with pytest.raises(InputError, match="7 files cannot be had"):
        fetch()
    assert not (tmp_path / "out").exists()


def test_without_an_answer_the_rest_is_not_tried(fetch, served, tmp_path):
    served.always = Fault(status=503)
    with pytest.raises(
        InputError, match=r"7 files cannot be had: .* \(503 Service Unavailable\), .* \(not tried any more\)"
    ):
        fetch(jobs=2)
    assert len({sent.path for sent in served.log}) < 7
    assert not (tmp_path / "out").exists()


def test_a_damaged_lock_file_is_told(fetch, tmp_path):
    (tmp_path / "out").mkdir()
    for text in ("[]", '{"files": {"mean.npy": {"url": "", "bytes": 1, "sha256": "0"}}}', '{"files": {"a": 1}}', "{"):
        (tmp_path / "out" / LOCK_NAME).write_text(text)
        with pytest.raises(InputError, match=LOCK_NAME):
            fetch()


def test_the_command_tells_sizes_and_digests(served, contents, tmp_path, capsys):
    from yt8m.cli import main

    arguments = ["download", "extractor", "--out", str(tmp_path / "out"), "--base-url", served.url]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--dry-run"])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0
    size = len(contents["vggish_model.ckpt"]) / 1e3
    assert f"{tmp_path}/out/vggish_model.ckpt  {served.url}/vggish_model.ckpt  {size:.2f} kB" in lines
    assert lines[-1].startswith(f"{tmp_path}/out: 7 files to fetch, ")
    assert not (tmp_path / "out").exists()
    served.tells_sizes = False
    with pytest.raises(SystemExit):
        main([*arguments, "--dry-run"])
    assert capsys.readouterr().out.splitlines()[-1] == f"{tmp_path}/out: 7 files to fetch, sizes not known"
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out = capsys.readouterr().out
    assert ended.value.code == 0
    for name in KEPT:
        assert f"{sha256(contents[name])}" in out
    assert f"{tmp_path}/out: 9 files, 9 fetched" in out.splitlines()[-2]
    assert out.splitlines()[-1] == f"yt8m extract VIDEO --network yt8m --folder {tmp_path}/out"


@pytest.mark.parametrize("flags", [["--shard", "1,2"], ["--mirror", "eu"]])
def test_flags_of_the_data_set_are_refused(flags, tmp_path, capsys):
    from yt8m.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["download", "extractor", "--out", str(tmp_path / "out"), *flags])
    assert ended.value.code == 2
    assert f"{flags[0]} is for parts of the data set" in capsys.readouterr().err
