"""Addresses, names and subsets, as the data set's own script has them."""

import hashlib
import json

import pytest

from yt8m.download import layout
from yt8m.errors import InputError

MD5 = "0" * 32


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("trainpj.tfrecord", "train0939.tfrecord"),  # the example of the data set's documentation: 15 * 62 + 9
        ("trainaa.tfrecord", "train0000.tfrecord"),
        ("trainab.tfrecord", "train0001.tfrecord"),
        ("trainaA.tfrecord", "train0026.tfrecord"),
        ("traina0.tfrecord", "train0052.tfrecord"),
        ("trainba.tfrecord", "train0062.tfrecord"),
        ("validateAa.tfrecord", "validate1612.tfrecord"),
        ("test99.tfrecord", "test3843.tfrecord"),
    ],
)
def test_local_names(name, local):
    assert layout.local_name(name) == local


def test_the_3844_names_of_a_split_are_told_apart_also_without_case():
    digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    names = [layout.local_name(f"train{first}{second}.tfrecord") for first in digits for second in digits]
    assert names == [f"train{index:04d}.tfrecord" for index in range(3844)]


@pytest.mark.parametrize(
    "name", ["train.tfrecor", "../../etc/xx.tfrecord", "trainaa.txt", "trainäa.tfrecord", ".tfrecord"]
)
def test_names_of_another_form_are_refused(name):
    with pytest.raises(InputError, match="is not a download plan"):
        layout.parse_plan(json.dumps({"files": {name: MD5}}).encode(), "http://host/plan")


@pytest.mark.parametrize(
    "content",
    [b"<html>", b"", b"[]", b"{}", b'{"files": []}', b'{"files": {"trainaa.tfrecord": 5}}', b"\xff",
     b'{"files": {"trainaa.tfrecord": "abc"}}'],
)  # fmt: skip
def test_what_is_no_plan_is_refused_in_one_line(content):
    with pytest.raises(InputError, match="http://host/plan: is not a download plan") as raised:
        layout.parse_plan(content, "http://host/plan")
    assert "\n" not in str(raised.value)


def test_the_published_plan(real_data):
    content = (real_data / "lists" / "v2_video_train_partial.json").read_bytes()
    plan = layout.parse_plan(content, "http://host/plan")
    assert plan == json.loads(content)["files"]
    assert len({layout.local_name(name) for name in plan}) == len(plan) > 10


def test_addresses():
    official = layout.official_site("eu")
    assert layout.plan_url(official, "2/frame/train") == "http://data.yt8m.org/2/download_plans/frame_train.json"
    assert layout.plan_url(official, "3/frame/validate") == "http://data.yt8m.org/3/download_plans/frame_validate.json"
    assert official.files == "http://eu.data.yt8m.org"
    own = layout.own_site("http://host:80/a/")
    assert layout.plan_url(own, "2/video/test") == "http://host:80/a/2/download_plans/video_test.json"
    assert own.files == "http://host:80/a"


def test_shards_share_out_the_files_by_the_md5_of_their_names():
    names = [f"train{first}{second}.tfrecord" for first in "abcdef" for second in "ABCDEF0123"]
    parts = [[name for name in names if layout.in_shard(name, layout.Shard(part, 7))] for part in range(1, 8)]
    assert sorted(name for part in parts for name in part) == sorted(names)
    # By a second way: the remainder digit by digit.
    for part, chosen in enumerate(parts, 1):
        for name in chosen:
            remainder = 0
            for digit in hashlib.md5(name.encode()).hexdigest():
                remainder = (16 * remainder + "0123456789abcdef".index(digit)) % 7
            assert remainder == part - 1
    assert all(layout.in_shard(name, layout.Shard(1, 1)) for name in names)


@pytest.mark.parametrize("text", ["0,3", "4,3", "3", "1,2,3", "a,b", "-1,3", "1,0", "", "1.0,2"])
def test_shards_that_there_are_not(text):
    with pytest.raises(InputError, match="it must be X,Y with 1 <= X <= Y"):
        layout.parse_shard(text)


def test_a_shard_is_parsed():
    assert layout.parse_shard("3,100") == (3, 100)


@pytest.mark.parametrize(
    "partition", ["3/frame/train", "3/video/validate", "1/frame/train", "2/frame", "frame/train", ""]
)
def test_partitions_that_there_are_not(partition):
    with pytest.raises(InputError, match="unknown partition"):
        layout.check_partition(partition)


@pytest.mark.parametrize("address", ["host:8000", "ftp://host", "http://", "/data", ""])
def test_addresses_that_are_none_of_http(address):
    with pytest.raises(InputError, match="--base-url is"):
        layout.own_site(address)
