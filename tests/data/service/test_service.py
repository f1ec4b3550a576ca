"""Reading through a tf.data service; tests/integration has its servers in other processes, and kills some."""

import contextlib
import dataclasses
import gc
import os
import socket
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from slow_reading import assert_equal, elements_of, ids_of, make_frames, small_video, with_a_broken_record, write

from yt8m.data.failures import record_errors
from yt8m.data.graph.reading import make_parser
from yt8m.data.options import ALL_FRAMES, Portion, grouped
from yt8m.data.pipeline import make_dataset, read_records
from yt8m.data.records import Ratings, frame_level_record
from yt8m.data.schema import Fold, IndexedFold
from yt8m.data.service import epochs as data_service
from yt8m.data.service.epochs import Epochs, find_workers
from yt8m.data.source import Source
from yt8m.errors import InputError, RecordError
from yt8m.values import parse_address

SIZES = (5, 3, 4, 7, 2, 6)
"""Records of each file: no multiples of a batch or one another."""
NAMES = [[f"{shard}-{index}" for index in range(size)] for shard, size in enumerate(SIZES)]
ALL = sorted(name for names in NAMES for name in names)
SHUFFLED = {"shuffle": True, "seed": 1}


@pytest.fixture(scope="module")
def service():
    """The address of a dispatcher with two workers, in this process: another would load TensorFlow anew."""
    api = tf.data.experimental.service
    dispatcher = api.DispatchServer()
    address = dispatcher.target.partition("://")[2]
    workers = [api.WorkerServer(api.WorkerConfig(dispatcher_address=address)) for _ in range(2)]
    yield address
    gc.collect()  # a server waits for readers that are still there
    for server in (*workers, dispatcher):  # a worker that no dispatcher answers tries for a minute
        server._stop()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Six files of small videos, known by their ids."""
    directory = tmp_path_factory.mktemp("shards")
    files = [write(directory / f"{shard}.tfrecord", *map(small_video, names)) for shard, names in enumerate(NAMES)]
    return Source(tuple(files), "video", ("audio",))


@pytest.fixture(scope="module")
def rated_source(tmp_path_factory):
    """Two files of videos of 10 to 13 frames, of which two segments each are rated."""
    directory, random = tmp_path_factory.mktemp("rated"), np.random.default_rng(0)
    rated = Ratings(start_times=[5, 0], end_times=[10, 5], labels=[1, 1], scores=[1.0, 0.0])
    files = [
        write(
            directory / f"{shard}.tfrecord",
            *(
                frame_level_record(f"{shard}{name}", [1], make_frames(random, audio=10 + index), rated)
                for index, name in enumerate("abcd")
            ),
        )
        for shard in range(2)
    ]
    return Source(tuple(files), "segment", ("audio",))


@pytest.fixture(scope="module")
def epochs(source, service):
    """The ids of three epochs in the order of the stream, in batches of 4: 27 records are no multiple of it."""
    dataset = make_dataset(
        source, 4, *grouped({"service": service, "repeat": True, "drop_remainder": True, **SHUFFLED})
    )
    assert dataset.element_spec["id"].shape == [4]
    stream = ids_of(dataset.take(21))
    return [stream[start : start + len(ALL)] for start in (0, 27, 54)]


class TestEpochs:
    @pytest.mark.thorough
    def test_each_record_comes_once_an_epoch(self, epochs):
        assert [sorted(epoch) for epoch in epochs] == [ALL] * 3

    @pytest.mark.thorough
    def test_each_epoch_has_an_order_of_its_own(self, epochs):
        assert len(set(map(tuple, epochs))) == 3

    def test_a_single_pass_keeps_the_last_batch(self, source, service):
        batches = list(make_dataset(source, 4, *grouped({"service": f"grpc://{service}", **SHUFFLED})))
        assert [len(batch["id"]) for batch in batches] == [4] * 6 + [3]
        assert sorted(name.decode() for batch in batches for name in batch["id"].numpy()) == ALL

    def test_unshuffled_files_are_whole_too(self, source, service):
        assert sorted(ids_of(read_records(source.files, 4, service=service))) == ALL

    def test_fewer_files_than_workers(self, source, service):
        one = dataclasses.replace(source, files=source.files[3:4])
        assert sorted(ids_of(make_dataset(one, 4, *grouped({"service": service, **SHUFFLED})))) == NAMES[3]

    @pytest.mark.thorough
    def test_a_fold_is_left_out(self, source, service):
        parts = [
            ids_of(
                make_dataset(
                    dataclasses.replace(source, fold=Fold(0, 2), held_out=held_out), 4, portion=Portion(service=service)
                )
            )
            for held_out in (False, True)
        ]
        assert all(parts)
        assert sorted(parts[0] + parts[1]) == ALL

    def test_a_part_of_an_index_is_left_out(self, source, service, tmp_path):
        index = tmp_path / "index.csv"
        index.write_text("id,part\n" + "".join(f"{name},{'ab'[place % 2]}\n" for place, name in enumerate(ALL)))
        without = dataclasses.replace(source, fold=IndexedFold(str(index), "b"))
        assert sorted(ids_of(make_dataset(without, 4, portion=Portion(service=service)))) == ALL[::2]

    @pytest.mark.thorough
    @pytest.mark.parametrize("num_workers", [1, 5])
    def test_orders_are_permutations_by_their_seed(self, source, num_workers):
        """What the workers are sent can be read here, too."""

        def orders(*seed):
            parse = make_parser(source, ALL_FRAMES, seed=seed[0])
            # One file at a time, and one batch: otherwise the order is left to chance.
            epochs = Epochs(source, parse, len(ALL), shuffle_buffer=8, parallel_files=1)
            return [tuple(ids_of(epoch)) for epoch in epochs.in_orders(3, seed, num_workers)]

        found = orders(1, 0)
        assert orders(1, 0) == found
        assert all(sorted(order) == ALL for order in found)
        # The second number is where a run stopped.
        assert len({*found, *orders(1, 16), *orders(2, 0)}) == 9


def in_order(dataset) -> list[dict]:
    return sorted(elements_of(dataset), key=lambda element: (element["id"], element.get("segment_start", 0)))


class TestElements:
    @pytest.mark.thorough
    @pytest.mark.parametrize("level", ["frame", "segment"])
    def test_are_those_read_here(self, rated_source, service, level):
        source = dataclasses.replace(rated_source, level=level)
        assert_equal(
            in_order(make_dataset(source, 3, portion=Portion(service=service))), in_order(make_dataset(source, 3))
        )

    @pytest.mark.thorough
    def test_means_of_frames_with_the_video_as_context(self, rated_source, service):
        source = dataclasses.replace(rated_source, context="video", context_num_frames=4, as_means=True)
        assert_equal(
            in_order(make_dataset(source, 3, portion=Portion(service=service))), in_order(make_dataset(source, 3))
        )

    @pytest.mark.thorough
    def test_frames_are_sampled_anew_in_each_batch(self, tmp_path, service):
        # The same video 8 times: if batches were counted, those of two workers or epochs would sample alike.
        frames = make_frames(np.random.default_rng(0), audio=200)
        files = [
            write(tmp_path / f"{shard}.tfrecord", *(frame_level_record(f"{shard}{name}", [1], frames) for name in "ab"))
            for shard in range(4)
        ]
        source = Source(tuple(files), "frame", ("audio",))
        dataset = make_dataset(source, 2, *grouped({"num_frames": 8, "service": service, "repeat": True, **SHUFFLED}))
        elements = elements_of(dataset.take(8))
        assert Counter(element["id"] for element in elements) == {
            f"{shard}{name}".encode(): 2 for shard in range(4) for name in "ab"
        }
        assert len({element["audio"].tobytes() for element in elements}) == 16


class TestJobs:
    def test_readers_of_one_job_share_the_records(self, source, service):
        options = {"service": service, "job_name": "shared", **SHUFFLED}
        readers = [iter(make_dataset(source, 1, *grouped(options))) for _ in range(2)]
        found = [[], []]
        while readers[0] or readers[1]:
            for index, reader in enumerate(readers):
                batch = next(reader, None) if reader else None
                if batch is None:
                    readers[index] = None
                else:
                    found[index] += batch["id"].numpy().tolist()
        assert all(found)
        assert sorted(name.decode() for name in found[0] + found[1]) == ALL

    @pytest.mark.thorough
    def test_readers_without_a_job_read_all(self, source, service):
        for _ in range(2):
            assert sorted(ids_of(make_dataset(source, 4, portion=Portion(service=service)))) == ALL


class TestRecordErrors:
    def test_damage_is_found_in_the_right_file(self, tmp_path, service):
        paths = with_a_broken_record(tmp_path)
        damaged = Source(tuple(paths), "video", ("audio",))
        with pytest.raises(RecordError) as caught, record_errors(damaged):
            ids_of(make_dataset(damaged, 2, *grouped({"service": service, **SHUFFLED})))
        assert (caught.value.path, caught.value.record) == (paths[1], 1)

    def test_a_file_that_a_worker_does_not_see(self, tmp_path, service):
        path = write(tmp_path / "a.tfrecord", small_video("a"))
        source = Source((path,), "video", ("audio",))
        dataset = make_dataset(source, 1, portion=Portion(service=service))
        os.remove(path)
        with pytest.raises(InputError) as caught, record_errors(source):
            ids_of(dataset)
        assert "Failed to get element from worker localhost:" in str(caught.value)
        assert str(caught.value).endswith(f"{path}; No such file or directory")


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(data_service, "ANSWER_SECONDS", 0.5)


@contextlib.contextmanager
def mute_server():
    """The address of somebody who never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"localhost:{server.getsockname()[1]}"


@pytest.mark.usefixtures("_impatient")
class TestServicesThatCannotBeUsed:
    def test_nobody_answers(self, source):
        with mute_server() as address, pytest.raises(InputError) as caught:
            make_dataset(source, 4, portion=Portion(service=address))
        message = "no tf.data service answers there; start one with yt8m data-service"
        assert str(caught.value) == f"--data.service {address}: {message}"

    def test_a_worker_is_no_dispatcher(self, service, monkeypatch):
        monkeypatch.setattr(data_service, "ANSWER_SECONDS", 10)  # it answers, if late on a busy machine
        worker = find_workers(service)[0]
        with pytest.raises(InputError) as caught:
            find_workers(worker)
        message = "is no dispatcher of a tf.data service; give the address that yt8m data-service prints"
        assert str(caught.value) == f"--data.service {worker}: {message}"

    def test_no_workers_yet(self, monkeypatch):
        monkeypatch.setattr(data_service, "ANSWER_SECONDS", 3)  # it answers, if late on a busy machine
        dispatcher = tf.data.experimental.service.DispatchServer()
        address = dispatcher.target.partition("://")[2]
        assert find_workers(address, least=0) == []
        with pytest.raises(InputError) as caught:
            find_workers(address)
        assert str(caught.value) == (
            f"--data.service {address}: the service has no workers; start some with yt8m data-service --role worker "
            f"--dispatcher {address}"
        )
        dispatcher.stop()

    def test_what_does_not_go_together(self, source, service):
        with pytest.raises(InputError, match="a service shares the records out; give a job_name"):
            make_dataset(source, 4, portion=Portion(service=service, shard=(0, 2)))
        with pytest.raises(InputError, match="job_name is 'a', but no service is given"):
            make_dataset(source, 4, portion=Portion(job_name="a"))


@pytest.mark.parametrize("text", ["localhost:1", "grpc://a-b.example:65535", "10.0.0.1:5050"])
def test_addresses(text):
    assert parse_address(text, "--flag") == text.removeprefix("grpc://")


@pytest.mark.parametrize(
    "text", ["", "localhost", ":5050", "localhost:", "a:0", "a:65536", "http://a:1", "a b:1", "a:1/"]
)
def test_what_is_no_address(text):
    with pytest.raises(InputError) as caught:
        parse_address(text, "--flag")
    assert str(caught.value) == f"--flag is {text!r}; write HOST:PORT, as yt8m data-service prints it"
