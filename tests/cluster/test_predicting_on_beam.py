"""`predict`, `ensemble` and `evaluate` with `--engine beam`: the bytes of the local command, whatever the runner does."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from trained_runs import FRAMES, RATED, trained

from yt8m.data.records import framed, read_framing
from yt8m.errors import InputError
from yt8m.files import locked, read_json, write_json
from yt8m.predicting import StoredPredictions, run_predictions
from yt8m.predicting.ensembling import ensemble
from yt8m.predicting.prediction import predict
from yt8m.progress import Messages
from yt8m.scoring.evaluation import evaluate
from yt8m.scoring.scorer import BATCH_SIZE

IN_MEMORY = "--direct_running_mode in_memory"


@pytest.fixture(scope="module")
def run(once_trained) -> str:
    return once_trained()


@pytest.fixture
def on_beam(beam):
    from yt8m.cluster.on_beam import OnBeam
    from yt8m.cluster.options import BeamOptions

    return lambda options=IN_MEMORY: OnBeam(BeamOptions(options=options))


@pytest.fixture
def small(monkeypatch):
    """Batches of a few rows, several units a file, and a part of stored predictions for each file."""
    for level, size in (("frame", 4), ("segment", 8), ("video", 4)):
        monkeypatch.setitem(BATCH_SIZE, level, size)
    monkeypatch.setattr(run_predictions, "PART_BYTES", 1)


def contents(directory) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()
    }


@pytest.mark.thorough
@pytest.mark.parametrize("options", [IN_MEMORY, ""])
def test_a_submission_and_its_parts_have_the_bytes_of_one_process(run, sample, tmp_path, small, on_beam, options):
    data = [str(sample / FRAMES)]
    here = predict(run, data, tmp_path / "local.csv", stored=tmp_path / "local", stored_top_k=5, top_k=3)
    there = predict(
        run,
        data,
        tmp_path / "beam.csv",
        stored=tmp_path / "beam",
        stored_top_k=5,
        top_k=3,
        elsewhere=on_beam(options),
    )
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert len(contents(tmp_path / "beam")) == 3
    assert dataclasses.replace(there, path=here.path) == here
    assert sorted(each.name for each in tmp_path.iterdir()) == ["beam", "beam.csv", "local", "local.csv"]


@pytest.mark.thorough
def test_segments_are_ranked_as_one_process_ranks_them(run, sample, tmp_path, small, on_beam):
    data = [str(sample / RATED)]
    options = {"max_segments": 9, "skip_first_segments": 1}
    here = predict(run, data, tmp_path / "local.csv", stored=tmp_path / "local", **options)
    there = predict(run, data, tmp_path / "beam.csv", stored=tmp_path / "beam", elsewhere=on_beam(), **options)
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert dataclasses.replace(there, path=here.path) == here
    assert here.num_segments > 9
    assert sorted(each.name for each in tmp_path.iterdir()) == ["beam", "beam.csv", "local", "local.csv"]


@pytest.mark.thorough
def test_runs_of_folds_each_predict_what_they_left_out(sample, tmp_path, small, on_beam):
    folds = [trained(tmp_path / f"fold-{index}", sample, records=RATED, fold=f"{index}/2") for index in range(2)]
    data = [str(sample / RATED)]
    predict(folds, data, None, stored=tmp_path / "local", task="video")
    predict(folds, data, None, stored=tmp_path / "beam", task="video", elsewhere=on_beam())
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")


@pytest.mark.thorough
def test_a_stopped_job_goes_on_with_the_parts_that_are_missing(run, sample, tmp_path, small, on_beam):
    data = [str(sample / FRAMES)]
    predict(run, data, None, stored=tmp_path / "store")
    complete = contents(tmp_path / "store")
    (tmp_path / "store/parts/00001.npz").unlink()
    header = read_json(tmp_path / "store/predictions.json")
    del header["parts"]
    write_json(tmp_path / "store/predictions.json", header)
    there = (tmp_path / "store/parts/00000.npz").stat().st_mtime_ns
    predict(run, data, None, stored=tmp_path / "store", elsewhere=on_beam())
    assert contents(tmp_path / "store") == complete
    assert (tmp_path / "store/parts/00000.npz").stat().st_mtime_ns == there


@pytest.mark.thorough
def test_bundles_that_are_done_three_times_give_every_video_once(run, sample, tmp_path, small, on_beam):
    data = [str(sample / FRAMES)]
    predict(run, data, tmp_path / "local.csv")
    predict(run, data, tmp_path / "beam.csv", elsewhere=on_beam(f"{IN_MEMORY} --direct_runner_bundle_repeat 2"))
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()


@pytest.mark.parametrize("records", [FRAMES, RATED])
def test_metrics_are_equal_to_the_last_bit(run, sample, small, on_beam, records):
    data = [str(sample / records)]
    here, table = evaluate(run, data, per_class=True)
    there, other = evaluate(run, data, per_class=True, elsewhere=on_beam(""))
    del here["videos_per_second"], there["videos_per_second"]
    assert there == here
    assert table.equals(other)


@pytest.mark.thorough
@pytest.mark.parametrize("records", [FRAMES, RATED])
def test_an_ensemble_has_the_bytes_of_one_process(run, sample, tmp_path, small, on_beam, records):
    other = trained(tmp_path / "other", sample, model="frame_logistic", max_frames=7)
    data = [str(sample / records)]
    members = [shutil.copytree(run, tmp_path / "first"), other]
    here = ensemble(members, tmp_path / "local.csv", data=data, stored=tmp_path / "local", weights=[2, 1])
    for member in members:
        shutil.rmtree(Path(member) / "predictions")
    there = ensemble(
        members, tmp_path / "beam.csv", data=data, stored=tmp_path / "beam", weights=[2, 1], elsewhere=on_beam()
    )
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert dataclasses.replace(there, path=here.path) == here


@pytest.mark.thorough
def test_the_command_says_where_it_runs_and_refuses_what_contradicts_it(
    run, sample, tmp_path, beam, status_of, capsys, small
):
    flags = ["--run", run, "--data", sample / FRAMES, "--engine", "beam"]
    assert status_of("evaluate", *flags, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["num_videos"] == 13
    assert "evaluating by Apache Beam, DirectRunner" in err
    assert status_of("predict", *flags, "--out", tmp_path / "a.csv", "--distribute.strategy", "one") == 2
    assert "--distribute.strategy and its like are for --engine local" in capsys.readouterr().err
    assert status_of("evaluate", *flags[:-2], "--beam.runner", "FlinkRunner") == 2
    assert "--beam.runner is of no use without --engine beam" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()


def damaged(sample, directory) -> Path:
    shutil.copytree(sample / FRAMES, directory)
    path = sorted(directory.iterdir())[1]
    raw = list(read_framing(str(path)))[3]
    content = bytearray(path.read_bytes())
    content[raw.offset + 500] ^= 1
    path.write_bytes(content)
    return path


@pytest.mark.thorough
def test_a_broken_record_ends_the_job_with_its_name_and_leaves_nothing(run, sample, tmp_path, small, on_beam):
    path = damaged(sample, tmp_path / "in")
    with pytest.raises(InputError, match=f"{path}, record 3: its data do not match their checksum"):
        predict(run, [str(tmp_path / "in")], tmp_path / "out.csv", elsewhere=on_beam())
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(InputError, match=f"{path}, record 3: its data do not match their checksum"):
        evaluate(run, [str(tmp_path / "in")], elsewhere=on_beam())


@pytest.mark.thorough
def test_broken_records_are_skipped_and_counted_as_one_process_does(run, sample, tmp_path, small, on_beam):
    damaged(sample, tmp_path / "in")
    skipping = shutil.copytree(run, tmp_path / "skipping")
    config = read_json(skipping / "config.json")
    config["data"]["on_corrupt"] = "skip"
    write_json(skipping / "config.json", config)
    said, heard = Messages(), Messages()
    predict(skipping, [str(tmp_path / "in")], tmp_path / "local.csv", progress=said)
    predict(skipping, [str(tmp_path / "in")], tmp_path / "beam.csv", progress=heard, elsewhere=on_beam())
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    left_out = [line for line in said.lines if "left out" in line]
    assert len(left_out) == 1
    assert [line for line in heard.lines if "left out" in line] == left_out


@pytest.mark.thorough
def test_a_video_that_comes_twice_is_named_with_both_records(run, sample, tmp_path, small, on_beam):
    first, second = sorted((sample / FRAMES).iterdir())
    (tmp_path / "in").mkdir()
    shutil.copy(first, tmp_path / "in/a.tfrecord")
    again = list(read_framing(str(first)))[2].data
    (tmp_path / "in/b.tfrecord").write_bytes(second.read_bytes() + framed(again))
    expected = f"{tmp_path}/in/b.tfrecord, record \\d+: holds video .* again, which {tmp_path}/in/a.tfrecord, record 2"
    with pytest.raises(InputError, match=expected):
        evaluate(run, [str(tmp_path / "in")], elsewhere=on_beam())
    with pytest.raises(InputError, match=expected):
        predict(run, [str(tmp_path / "in")], tmp_path / "out.csv", elsewhere=on_beam())


@pytest.mark.thorough
def test_a_second_job_to_the_same_place_is_refused(run, sample, tmp_path, small, on_beam):
    store, data = tmp_path / "store", [str(sample / FRAMES)]
    predict(run, data, None, stored=store)
    (store / "parts/00001.npz").unlink()
    with locked(store, "busy"), pytest.raises(InputError, match=f"^{store}: another job is writing there; wait for it"):
        predict(run, data, None, stored=store, elsewhere=on_beam())
    assert sorted(path.name for path in (store / "parts").iterdir()) == ["00000.npz"]
    predict(run, data, None, stored=store, elsewhere=on_beam())
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").touch()
    with pytest.raises(InputError, match="full: holds other things; give an empty or new directory"):
        predict(run, data, None, stored=tmp_path / "full", elsewhere=on_beam())


@pytest.mark.thorough
def test_frames_that_are_drawn_at_random_are_the_same(run, sample, tmp_path, small, on_beam):
    drawing = shutil.copytree(run, tmp_path / "drawing")
    config = read_json(drawing / "config.json")
    config["data"] |= {"prediction_num_frames": 3, "prediction_sampling": "random"}
    write_json(drawing / "config.json", config)
    data = [str(sample / FRAMES)]
    predict(drawing, data, tmp_path / "local.csv")
    predict(drawing, data, tmp_path / "beam.csv", elsewhere=on_beam())
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    predict(run, data, tmp_path / "every.csv")
    assert (tmp_path / "every.csv").read_bytes() != (tmp_path / "local.csv").read_bytes()


@pytest.mark.thorough
def test_transforms_in_a_pipeline_of_ones_own(run, sample, tmp_path, beam):
    import yt8m.beam

    files = [str(path) for path in sorted((sample / FRAMES).iterdir())]
    predict(run, files, None, stored=tmp_path / "store", stored_top_k=3)
    measured = evaluate(run, files)
    out = tmp_path / "out"
    out.mkdir()

    def keep(name, value):
        (out / name).write_text(json.dumps(value))

    with beam.Pipeline("FnApiRunner") as pipeline:
        records = pipeline | yt8m.beam.ReadRecords(files)
        (
            records
            | yt8m.beam.PredictRun(run, files, top_k=3)
            | beam.Map(lambda each: keep(f"{each.id}.video", [each.start, each.classes, each.probabilities]))
        )
        records | yt8m.beam.EvaluateRun(run, files) | beam.Map(lambda each: keep("metrics", each))
    found = json.loads((out / "metrics").read_text())
    assert found == pytest.approx({key: measured[key] for key in found}, rel=1e-6)
    assert found["num_videos"] == 13
    part = StoredPredictions(tmp_path / "store").read(0)
    assert len(list(out.glob("*.video"))) == len(part) == 13
    for video, classes, logits in zip(part.ids.tolist(), part.classes.tolist(), part.logits, strict=True):
        start, named, probabilities = json.loads((out / f"{video.decode()}.video").read_text())
        assert (start, named) == (None, classes)
        np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-logits.astype(float))), rtol=2e-3)


def test_the_best_segments_take_eight_bytes_each_however_many_there_are(beam, tmp_path):
    from yt8m.cluster.ensemble import _Best

    random, best = np.random.default_rng(6), _Best(50)
    scores = random.integers(0, 90, (3, 4000)).astype(np.float32)
    order = random.permutation(4000).astype(np.uint64)
    accumulators, largest = [], 0
    for indices in np.array_split(order, 13):
        accumulator = best.create_accumulator()
        for some in np.array_split(indices, 3):
            accumulator = best.add_input(accumulator, (some, scores[:, some.astype(int)]))
            largest = max(largest, *(keys.nbytes for keys in accumulator))
        accumulators.append(accumulator)
    merged = best.extract_output(best.merge_accumulators([best.create_accumulator(), *accumulators]))
    assert largest == 8 * 50
    for keys, own in zip(merged, scores, strict=True):
        expected = np.argsort(-own, kind="stable")[:50]
        np.testing.assert_array_equal(np.sort(keys) & np.uint64(0xFFFFFFFF), expected)


@pytest.mark.slow
def test_two_processes_give_the_same(run, sample, tmp_path, small, on_beam):
    data = [str(sample / FRAMES)]
    processes = "--direct_running_mode multi_processing --direct_num_workers 2"
    predict(run, data, tmp_path / "local.csv")
    predict(run, data, tmp_path / "beam.csv", elsewhere=on_beam(processes))
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    here, there = evaluate(run, data), evaluate(run, data, elsewhere=on_beam(processes))
    assert {**there, "videos_per_second": 0} == {**here, "videos_per_second": 0}
