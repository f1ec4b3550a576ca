"""What tells files from others, and the ids of records."""

import http.server
import os
import threading
from pathlib import Path

import pytest
import tensorflow as tf

from yt8m.data import identity
from yt8m.data.identity import digest_of, has_changed, identify, local_ids, needs_ids, read_ids
from yt8m.data.records import framed
from yt8m.errors import InputError, RecordError


def example(**ids: bytes) -> bytes:
    made = tf.train.Example()
    for key, value in ids.items():
        made.features.feature[key].bytes_list.value.append(value)
    made.features.feature["mean_rgb"].float_list.value.extend([0.5] * 2000)  # more than is read at once
    return made.SerializeToString()


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "records" / "a.tfrecord"
    path.parent.mkdir()
    path.write_bytes(framed(example(id=b"abcd")) + framed(example(video_id=b"efghijklmno")))
    return path


@pytest.mark.parametrize("split", ["2/frame/train", "2/video/test", "3/frame/validate"])
def test_ids_are_those_that_tensorflow_parses(sample, split):
    for path in sorted((sample / split).iterdir()):
        parsed = [
            tf.train.SequenceExample.FromString(record.numpy()).context.feature["id"].bytes_list.value[0]
            for record in tf.data.TFRecordDataset(str(path))
        ]
        assert local_ids(str(path)) == parsed


@pytest.mark.thorough
def test_ids_of_either_name_and_of_real_records(file, real_data):
    assert read_ids([str(file)]) == [b"abcd", b"efghijklmno"]
    for path in map(str, sorted(real_data.glob("*/*.tfrecord"))):
        contexts = [
            tf.train.SequenceExample.FromString(record.numpy()).context.feature
            for record in tf.data.TFRecordDataset(path)
        ]
        keys = ["id" if "id" in context else "video_id" for context in contexts]
        expected = [context[key].bytes_list.value[0] for key, context in zip(keys, contexts, strict=True)]
        assert read_ids([path]) == expected


def test_ids_where_they_are_not_expected_are_found_all_the_same(tmp_path):
    path = tmp_path / "turned.tfrecord"
    frames = tf.train.SequenceExample()
    frames.feature_lists.feature_list["rgb"].feature.add().bytes_list.value.append(bytes(1024))
    context = tf.train.SequenceExample()
    context.context.feature["id"].bytes_list.value.append(b"last")
    path.write_bytes(framed(frames.SerializeToString() + context.SerializeToString()))  # the fields in another order
    assert local_ids(str(path)) is None
    assert read_ids([str(path)]) == [b"last"]


def test_a_damaged_file_is_named(file):
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(RecordError, match=r"a\.tfrecord, record 1: is cut off"):
        local_ids(str(file))


def test_a_file_changes_with_its_place_size_and_time(file, tmp_path):
    (found,) = identify([str(file)])
    assert found == [str(file), file.stat().st_size, file.stat().st_mtime_ns]
    (tmp_path / "link.tfrecord").symlink_to(file)
    assert identify([str(tmp_path / "link.tfrecord")]) == [found]
    assert not has_changed(found)
    os.utime(file, ns=(0, found[2] + 1))
    assert has_changed(found)
    os.utime(file, ns=(0, found[2]))
    assert not has_changed(found)
    file.write_bytes(file.read_bytes() + framed(example(id=b"more")))
    os.utime(file, ns=(0, found[2]))
    assert has_changed(found)
    file.unlink()
    assert has_changed(found)
    file.parent.rmdir()
    assert not has_changed(found), "as of a disk that is not mounted"
    assert has_changed(["a.tfrecord", 10]), "as earlier versions had it"


class Server(http.server.BaseHTTPRequestHandler):
    """Answers for files that tell more or less of their version, and for one that is elsewhere."""

    tells = {  # noqa: RUF012
        "/both": {"ETag": '"one"', "Last-Modified": "Sat, 01 Jan 2022 00:00:00 GMT"},
        "/time": {"Last-Modified": "Sat, 01 Jan 2022 00:00:00 GMT"},
        "/nothing": {},
        "/moved": {"Location": "/both"},
    }

    def do_GET(self):
        known = self.tells.get(self.path)
        self.send_response(404 if known is None else 302 if "Location" in known else 206)
        for name, value in (known or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Range", "bytes 0-0/10")
        self.end_headers()

    def log_message(self, *_):
        """Says nothing."""


def test_a_server_tells_the_version_of_a_file(monkeypatch):
    monkeypatch.setattr(identity, "prepare_file_systems", lambda paths: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"http://127.0.0.1:{server.server_port}"
        found = identify([f"{host}/{name}" for name in ("both", "time", "nothing", "moved")])
        with pytest.raises(InputError, match="gone: cannot be read"):
            identify([f"{host}/gone"])
        server.shutdown()
    time = "Sat, 01 Jan 2022 00:00:00 GMT"
    assert [version for _, _, version in found] == ['"one"', time, "", '"one"']
    assert found[0][:2] == [f"{host}/both", 10]
    assert not needs_ids(found[:2])
    assert needs_ids(found[:3])
    assert not any(map(has_changed, found)), "nobody is asked"


def test_digests_of_ids_are_of_their_order():
    assert digest_of([b"a", b"b"]) == digest_of([b"a", b"b"])
    assert len({digest_of(ids) for ids in ([b"a", b"b"], [b"b", b"a"], [b"ab"], [b"a"], [])}) == 5
