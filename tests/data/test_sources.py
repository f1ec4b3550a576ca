"""From paths to files, from files to what they hold, from a directory to its splits."""

import os
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from refused import refusal, touch

from yt8m.data.sources import cut_validation, describe_error, expand_paths, find_splits, scheme


class TestExpandPaths:
    def test_a_directory_is_its_record_files_sorted(self, tmp_path):
        expected = touch(tmp_path, "train0000.tfrecord", "train0001.tfrecord", "train0010.tfrecord")
        touch(tmp_path, "notes.txt", "train0002.tfrecord.bak", "below/train0003.tfrecord")
        assert expand_paths(str(tmp_path)) == expected
        assert expand_paths(tmp_path) == expected
        assert expand_paths(f"{tmp_path}/") == expected

    def test_compressed_files_are_found_beside_others(self, tmp_path):
        names = [f"train000{name}" for name in ("0.tfrecord", "1.tfrecord.gz", "2.tfrecord.zlib", "3.tfrecord")]
        expected = touch(tmp_path, *names)
        touch(tmp_path, "train0003.tfrecord.gz", ".train0004.tfrecord.gz", "train0005.tfrecord.gz.part", "notes.gz")
        assert expand_paths(tmp_path) == expected, "what lies there as it is and compressed counts once"
        assert expand_paths([f"{tmp_path}/*", tmp_path])[-2:] == touch(
            tmp_path, "train0003.tfrecord.gz", "train0005.tfrecord.gz.part"
        )
        assert find_splits(str(tmp_path), "frame") == {"train": tuple(expected)}
        touch(tmp_path / "a", "x.tfrecord.gz")
        assert expand_paths(tmp_path / "*a") == touch(tmp_path / "a", "x.tfrecord.gz")

    @pytest.mark.parametrize("pattern", ["train*.tfrecord", "train000[12].tfrecord", "train000?.tfrecord"])
    def test_a_glob_is_sorted(self, tmp_path, pattern):
        expected = touch(tmp_path, "train0001.tfrecord", "train0002.tfrecord")
        touch(tmp_path, "validate0001.tfrecord")
        assert expand_paths(str(tmp_path / pattern)) == expected

    def test_a_glob_takes_any_ending_and_depth(self, tmp_path):
        expected = touch(tmp_path, "a/x.records", "b/y.records")
        assert expand_paths(str(tmp_path / "*" / "*.records")) == expected

    def test_a_list_keeps_its_order_and_names_each_file_once(self, tmp_path):
        a, b, c = touch(tmp_path, "a.tfrecord", "b.tfrecord", "c.tfrecord")
        assert expand_paths([c, a]) == [c, a]
        assert expand_paths([Path(b), str(tmp_path), f"{tmp_path}/c*"]) == [b, a, c]
        assert expand_paths((a, a)) == [a]

    def test_names_that_are_no_text(self, tmp_path):
        directory = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
        os.makedirs(directory)
        Path(directory, "a.tfrecord").touch()
        shown = f"{tmp_path}/\\xff"
        for path, named in (
            (directory, shown),
            (f"{directory}/a.tfrecord", f"{shown}/a.tfrecord"),
            (f"{tmp_path}/*/a.tfrecord", f"{tmp_path}/*/a.tfrecord"),
        ):
            assert refusal(expand_paths, path).startswith(f"{named}: is, or holds, a name that is not UTF-8")
        assert refusal(find_splits, directory, "frame").startswith(f"{shown}: is, or holds, a name")

    def test_names_with_the_characters_of_globs(self, tmp_path):
        inside, other = touch(tmp_path / "run [1]*", "a[0].tfrecord", "b.tfrecord")
        touch(tmp_path / "run 1x", "a0.tfrecord")
        assert expand_paths(str(tmp_path / "run [1]*")) == [inside, other]
        assert expand_paths(inside) == [inside]
        assert find_splits(str(Path(touch(tmp_path / "?", "train.tfrecord")[0]).parent), "frame") == {
            "train": (str(tmp_path / "?" / "train.tfrecord"),)
        }

    def test_a_directory_with_the_characters_of_globs_before_a_glob(self, tmp_path):
        inside = touch(tmp_path / "run[1]" / "a?", "0.tfrecord", "1.tfrecord")
        others = touch(tmp_path / "run1" / "ab", "0.tfrecord", "1.tfrecord")
        assert expand_paths(f"{tmp_path}/run[1]/a?/*.tfrecord") == inside
        assert expand_paths(f"{tmp_path}/run[1]/*/*.tfrecord") == inside
        assert expand_paths(f"{tmp_path}/run[[]1]/a[?]/*.tfrecord") == inside, "as it is written for a shell"
        assert expand_paths(f"{tmp_path}/run[0-9]/a?/[01].tfrecord") == others

    def test_braces(self, tmp_path, monkeypatch):
        files = touch(
            tmp_path, *(f"train{index:04d}.tfrecord" for index in range(12)), "test/a.tfrecord", "test/b.tfrecord"
        )
        *train, a, b = files
        assert expand_paths(f"{tmp_path}/train{{0003,0001}}.tfrecord") == [train[3], train[1]]
        assert expand_paths(f"{tmp_path}/train{{0009..0011}}.tfrecord") == train[9:]
        assert expand_paths(f"{tmp_path}/train00{{11..9}}.tfrecord".replace("9}", "10}")) == [train[11], train[10]]
        nested = expand_paths(f"{tmp_path}/{{test/{{b,a}},train000{{1,2}}}}.tfrecord")
        assert sorted(nested) == [a, b, *train[1:3]]
        assert expand_paths(f"{tmp_path}/t{{rain000[12],est/*}}.tfrecord") == [*train[1:3], a, b]
        (literal,) = touch(tmp_path, "{0,1}.tfrecord")
        assert expand_paths(literal) == [literal]
        monkeypatch.chdir(tmp_path)
        assert refusal(expand_paths, "train{0011..0013}.tfrecord") == "train0012.tfrecord: no such file or directory"
        assert refusal(expand_paths, "{a}{b..c}{}.tfrecord") == "{a}{b..c}{}.tfrecord: no such file or directory"
        assert (
            refusal(expand_paths, "{0..9}{0..99999}")
            == "{0..9}{0..99999}: stands for more than 100000 paths; name fewer in braces"
        )

    def test_two_stars_stand_for_directories_at_any_depth(self, tmp_path):
        names = ("a.tfrecord", "b/c/d.tfrecord", "b/e.tfrecord", "f/g.records")
        a, d, e, g = touch(tmp_path, *names)
        touch(tmp_path, "b/.unfinished/x.tfrecord", "b/notes.txt")
        assert expand_paths(f"{tmp_path}/**/*.tfrecord") == [a, d, e]
        assert expand_paths(f"{tmp_path}/b/**/*.tfrecord") == [d, e]
        assert sorted(expand_paths(f"{tmp_path}/**")) == [a, d, e], "of directories, the record files"
        assert expand_paths(f"{tmp_path}/**/*.rec*") == [g]
        assert refusal(expand_paths, "gs://bucket/**/*.tfrecord") == (
            "gs://bucket/**/*.tfrecord: ** is for local paths; name each level with */"
        )

    def test_a_directory_that_a_glob_matches_is_its_record_files(self, tmp_path):
        files = touch(tmp_path, "a/0.tfrecord", "a/1.tfrecord", "b.tfrecord", "c/0.tfrecord")
        touch(tmp_path, "d/notes.txt")
        assert expand_paths(f"{tmp_path}/*") == files
        assert (
            refusal(expand_paths, f"{tmp_path}/d*")
            == f"{tmp_path}/d*: no file matches but directories without records; give files, a glob or their directory"
        )
        touch(tmp_path, "d/e/0.tfrecord")
        below = f"give one below, such as {tmp_path}/d/e, or all as '{tmp_path}/d/**'"
        assert refusal(expand_paths, f"{tmp_path}/d").endswith(f"files; {below}")
        assert refusal(expand_paths, f"{tmp_path}/d*").endswith(f"without records; {below}")
        assert expand_paths(f"{tmp_path}/d/**") == [f"{tmp_path}/d/e/0.tfrecord"]

    def test_hidden_files_are_being_written(self, tmp_path):
        (shown,) = touch(tmp_path, "a.tfrecord")
        (hidden,) = touch(tmp_path, ".1234.tmp.b.tfrecord")
        assert expand_paths(str(tmp_path)) == expand_paths(f"{tmp_path}/*.tfrecord") == [shown]
        assert expand_paths(f"{tmp_path}/.*.tfrecord") == expand_paths(hidden) == [hidden]

    def test_refusals(self, tmp_path):
        (tmp_path / "empty").mkdir()
        touch(tmp_path / "text", "notes.txt")
        missing, glob = tmp_path / "missing.tfrecord", f"{tmp_path}/none*.tfrecord"
        assert refusal(expand_paths, str(missing)) == f"{missing}: no such file or directory"
        assert refusal(expand_paths, glob) == f"{glob}: no file matches"
        for name in ("empty", "text"):
            assert refusal(expand_paths, str(tmp_path / name)) == (
                f"{tmp_path / name}: the directory holds no *.tfrecord or *.pb files; give files, a glob or their directory"
            )
        assert refusal(expand_paths, []) == "no record files given; name files, directories or globs"
        assert refusal(expand_paths, 3) == "3 is neither a path nor a list of paths"

    def test_one_bad_path_of_several_is_named(self, tmp_path):
        (good,) = touch(tmp_path, "a.tfrecord")
        assert refusal(expand_paths, [good, f"{tmp_path}/b"]) == f"{tmp_path}/b: no such file or directory"

    @pytest.mark.parametrize(
        ("path", "expected"), [("s3://bucket/key", "s3"), ("/tmp/a", ""), ("gs://a/b", "gs"), ("a:b", "")]
    )
    def test_scheme(self, path, expected):
        assert scheme(path) == expected


class TestWithoutTensorflowIo:
    @pytest.fixture(autouse=True)
    def _nothing_registered(self, monkeypatch):
        monkeypatch.setattr(tf.io.gfile, "get_registered_schemes", lambda: ["", "file", "gs"])

    @pytest.mark.parametrize("path", ["s3://bucket/a.tfrecord", "az://host/a.tfrecord", "hdfs://host/a.tfrecord"])
    def test_it_cannot_be_imported(self, monkeypatch, path):
        monkeypatch.setitem(sys.modules, "tensorflow_io", None)
        message = refusal(expand_paths, ["local.tfrecord", path])
        assert "need tensorflow-io" in message
        assert f"beside TensorFlow {tf.__version__} (import of tensorflow_io halted" in message
        assert message.endswith("pip install 'yt8m[io]'")
        assert "pip install 'yt8m[io]'" in refusal(find_splits, path, "frame")

    def test_its_import_merely_warns(self, monkeypatch, tmp_path):
        """As it does beside a TensorFlow that it was not built for."""
        (tmp_path / "tensorflow_io.py").write_text(
            "import warnings\nwarnings.warn('file system plugins are not loaded:\\nundefined symbol')\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setitem(sys.modules, "tensorflow_io", None)  # so that what is there afterwards is undone
        del sys.modules["tensorflow_io"]
        message = refusal(expand_paths, "s3://bucket/a.tfrecord")
        assert "(file system plugins are not loaded:): pip install 'yt8m[io]'" in message

    def test_local_paths_do_not_need_it(self, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "tensorflow_io", None)
        (path,) = touch(tmp_path, "a.tfrecord")
        assert expand_paths(path) == [path]


class TestFindSplits:
    def test_the_official_layout(self, tmp_path):
        for split in ("train", "validate", "test"):
            touch(tmp_path, f"2/frame/{split}/{split}0000.tfrecord", f"2/video/{split}/{split}0000.tfrecord")
        for level in ("frame", "video"):
            assert find_splits(str(tmp_path), level) == {
                split: (str(tmp_path / "2" / level / split),) for split in ("train", "validate", "test")
            }

    def test_a_directory_for_each_split(self, tmp_path):
        touch(tmp_path, "train/a.tfrecord", "test/b.tfrecord", "train9999.tfrecord")
        expected = {split: (str(tmp_path / split),) for split in ("train", "test")}
        assert find_splits(str(tmp_path), "frame") == expected

    def test_files_side_by_side(self, tmp_path):
        train = touch(tmp_path, "train0000.tfrecord", "train0001.tfrecord")
        validate = touch(tmp_path, "validate0000.tfrecord")
        touch(tmp_path, "other.tfrecord", "test.txt")
        assert find_splits(str(tmp_path), "video") == {"train": tuple(train), "validate": tuple(validate)}

    def test_real_records(self, real_data):
        found = find_splits(str(real_data / "video_2018"), "video")
        names = {split: [os.path.basename(path) for path in paths] for split, paths in found.items()}
        shards = [f"validate{index:04d}.tfrecord" for index in range(36)]
        assert names == {"validate": shards, "test": ["test0z.tfrecord"]}

    def test_the_sample(self, sample):
        for level in ("frame", "video"):
            assert [len(expand_paths(paths)) for paths in find_splits(str(sample), level).values()] == [2, 2, 2]

    def test_refusals(self, tmp_path):
        touch(tmp_path, "records.tfrecord")
        assert refusal(find_splits, str(tmp_path), "frame") == (
            f"{tmp_path}: holds no train*.tfrecord, no train/ and no 2/frame/train/; give --data.train instead"
        )
        missing, file = f"{tmp_path}/missing", f"{tmp_path}/records.tfrecord"
        assert refusal(find_splits, missing, "frame") == (
            f"{missing}: no such directory; --data.root needs one with train, validate and test records"
        )
        assert refusal(find_splits, file, "frame") == (
            f"{file}: is a file; --data.root needs a directory with train, validate and test records"
        )


@pytest.mark.parametrize(("count", "num_train"), [(1, 0), (2, 1), (5, 4), (12, 10), (13, 11), (36, 30)])
def test_the_last_sixth_of_validation_records_validates(tmp_path, count, num_train):
    files = touch(tmp_path, *(f"validate{index:04d}.tfrecord" for index in range(count)))
    for paths in ([str(tmp_path)], files):
        assert cut_validation(paths) == (tuple(files[:num_train]), tuple(files[num_train:]))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("{{function_node __wrapped__X_device_/job:a/CPU:0}} it broke [Op:IteratorGetNext] name: ", "it broke"),
        ("HTTP response code 404 with body '<?xml?>\n<Error>'", "HTTP response code 404"),
        ("first\nsecond", "first"),
        ("", "UnknownError"),
    ],
)
def test_errors_of_tensorflow_are_one_line(message, expected):
    assert describe_error(tf.errors.UnknownError(None, None, message)) == expected
