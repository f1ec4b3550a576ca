"""Ensembles of runs and of stored predictions: what is found before anything is predicted, and what an error leaves."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up import segments, stored_at, together, videos
from trained_runs import FRAMES, RATED, trained

from yt8m.config import DistributeConfig
from yt8m.data.sources import expand_paths
from yt8m.errors import InputError
from yt8m.predicting import StoredPredictions
from yt8m.predicting.ensembling import ensemble, weigh
from yt8m.predicting.prediction import predict
from yt8m.predicting.scoring import score
from yt8m.progress import Messages
from yt8m.scoring.scorer import Scorer
from yt8m.submission import read_segment_submission, read_video_submission


@pytest.fixture(scope="module")
def trained_once(once_trained) -> str:
    return once_trained()


@pytest.fixture
def run(trained_once, tmp_path_factory) -> str:
    """A run in which no predictions are kept yet."""
    return str(shutil.copytree(trained_once, tmp_path_factory.mktemp("runs") / "run"))


@pytest.fixture
def second(trained_once, tmp_path_factory) -> str:
    return str(shutil.copytree(trained_once, tmp_path_factory.mktemp("runs") / "second"))


@pytest.fixture(scope="module")
def rated(trained_once, sample, tmp_path_factory) -> Path:
    """What the run says of the rated records, stored."""
    directory = tmp_path_factory.mktemp("stored") / "rated"
    predict(trained_once, [str(sample / RATED)], None, stored=directory)
    return directory


@pytest.fixture
def refused(sample, tmp_path, monkeypatch):
    """Asserts that an ensemble is refused before anything is predicted or written."""

    def ensemble_is_refused(members, message, **options):
        monkeypatch.setattr(Scorer, "scores", lambda *_, **__: pytest.fail("something is predicted"))
        before = sorted(tmp_path.rglob("*"))
        arguments = {"data": [str(sample / RATED)], "out": tmp_path / "new" / "out.csv", "stored": tmp_path / "mean"}
        with pytest.raises(InputError, match=message):
            ensemble(members, **arguments | options)
        assert sorted(tmp_path.rglob("*")) == before
        assert not any((Path(member) / "predictions").exists() for member in members)

    return ensemble_is_refused


def made_up_for(sample, directory) -> StoredPredictions:
    """Made-up predictions of segments, of the sample's classes."""
    classes = [int(line) for line in (sample / "segment_label_ids.csv").read_text().split()[1:]]
    return stored_at(directory, segments(classes=classes, num_classes=12))


def test_members_of_another_task(run, tmp_path, refused):
    stored_at(tmp_path / "videos", videos(num_classes=12))
    message = f"^{tmp_path}/videos: is of the video task, {run} of the segment task; make both for one of them, with yt8m predict"
    refused([run, tmp_path / "videos"], message)


def test_members_of_another_vocabulary(run, sample, tmp_path, refused):
    thirteen = trained(tmp_path / "thirteen", sample, num_classes=13)
    refused([run, thirteen], f"^{thirteen}: has 13 classes, {run} 12; leave one of them out")


def test_members_for_other_classes(run, sample, tmp_path, refused):
    made_up_for(sample, tmp_path / "listed")
    (tmp_path / "three.csv").write_text("Index\n1\n2\n3\n")
    message = f"^{run}: has other classes than {tmp_path}/listed .class .*; predict both for the same list of classes"
    refused([tmp_path / "listed", run], message, segment_classes=tmp_path / "three.csv")


def test_stored_members_for_other_rows(run, rated, sample, tmp_path, refused):
    made_up_for(sample, tmp_path / "listed")
    refused([rated, tmp_path / "listed", run], f"^{tmp_path}/listed: has no segment '.*', which {rated} has, and so")


def test_a_member_that_is_given_twice(run, rated, tmp_path, refused):
    refused([run, rated, run], f"^{run}: is a member already; leave it out, or count it more by its weight")
    (tmp_path / "link").symlink_to(rated)
    refused([rated, f"{tmp_path}/link/"], f"^{tmp_path}/link/: is a member already, as {rated}; leave it out, or count")
    with pytest.raises(InputError, match="is a member already"):
        weigh([rated, rated], [], tmp_path / "weights.json")


def test_weights_that_cannot_be_used(run, rated, tmp_path, refused):
    refused([run, rated], "^--weights: 1 given, 2 needed; give one a member", weights=[1.0])
    nothing = tmp_path / "nothing.json"
    message = f"^--weights {nothing}: cannot be read .*; give one number a member, or a file of yt8m weigh"
    refused([run, rated], message, weights=nothing)


def test_a_place_for_the_mean_that_is_taken(run, rated, tmp_path, refused):
    stored_at(tmp_path / "other", segments())
    refused([run, rated], f"^{tmp_path}/other: holds predictions of another kind", stored=tmp_path / "other")
    refused([run, rated], r"^/proc/mean: cannot be written", stored="/proc/mean")


@pytest.mark.parametrize("members", ["runs", "stored"])
@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (segments(), "is of segments"),
        (videos(num_classes=6), "says nothing of class 7, which is ranked"),
        (videos(num_classes=12), "has no video '.*'; predict it for the same records"),
        (None, "is neither a run nor stored predictions"),
    ],
    ids=["segments", "classes", "videos", "nothing"],
)
def test_a_prior_that_cannot_be_used(run, second, rated, tmp_path, refused, members, prior, message):
    if prior is not None:
        stored_at(tmp_path / "prior", prior)
    members = [run, second] if members == "runs" else [rated]
    refused(members, f"^--prior {tmp_path}/prior: {message}", prior=str(tmp_path / "prior"))


def test_a_prior_that_nothing_is_ranked_with(run, rated, sample, refused):
    refused([run, rated], f"^--prior {run} is for ranking a submission", prior=run, out=None)
    refused([run], "is for the segment task", prior=run, data=[str(sample / FRAMES)])
    refused([rated], "is a run; name the records to predict with --data", prior=run, data=[])


def test_a_run_that_predicts_other_rows_is_named_as_it_was_typed(run, rated, sample, tmp_path):
    half = expand_paths(str(sample / RATED))[:1]
    with pytest.raises(InputError, match=f"^{run}: has no segment '.*', which {rated} has, and so .*same records"):
        ensemble([rated, run], tmp_path / "out.csv", data=half, stored=tmp_path / "mean")
    assert list(tmp_path.iterdir()) == []


def test_a_prior_of_other_records_is_refused_before_the_mean_is_stored(run, rated, sample, tmp_path):
    with pytest.raises(InputError, match=f"^--prior {run}: has no video '.*'; predict it for the same records"):
        ensemble(
            [rated], tmp_path / "out.csv", data=[str(sample / "2/frame/train")], stored=tmp_path / "mean", prior=run
        )
    assert list(tmp_path.iterdir()) == []


def test_the_mean_goes_where_it_was_begun_and_nowhere_else(run, rated, sample, tmp_path):
    records = [str(sample / RATED)]
    for _ in range(2):
        assert ensemble([rated, run], stored=tmp_path / "mean", data=records).num_videos == 13
    with pytest.raises(InputError, match=r"holds predictions of another kind or from elsewhere \(weights differ\)"):
        ensemble([rated, run], stored=tmp_path / "mean", data=records, weights=[1, 2])


def test_weights_are_not_learned_for_one_member(run, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(Scorer, "scores", lambda *_, **__: pytest.fail("something is predicted"))
    with pytest.raises(InputError, match=f"^{run}: one member needs no weights"):
        weigh([run], [str(sample / RATED)], tmp_path / "new" / "weights.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_learned_weights_name_their_members_as_typed(run, second, sample, tmp_path):
    learned = weigh([run, second], [str(sample / RATED)], tmp_path / "new" / "weights.json")
    assert learned.members == [run, second]
    assert (tmp_path / "new" / "weights.json").exists()


def test_a_logistic_regression_is_learned_and_used(run, second, sample, tmp_path):
    data, weights = [str(sample / RATED)], tmp_path / "weights.json"
    learned = weigh([run, second], data, weights, method="logistic")
    written = json.loads(weights.read_text())
    assert written == dataclasses.asdict(learned)
    assert written["mean"] == "logistic"
    ensemble([run, second], data=data, weights=weights, stored=tmp_path / "both")
    kept = [StoredPredictions(next(Path(member, "predictions").iterdir())) for member in (run, second)]
    clipped = [np.clip(together(each), -30, 30) for each in kept]
    expected = sum(weight * each for weight, each in zip(learned.weights, clipped, strict=True)) + learned.intercept
    stored = StoredPredictions(tmp_path / "both")
    np.testing.assert_allclose(together(stored), expected, rtol=2e-3, atol=2e-3)  # float16
    assert (stored.made_from["mean"], stored.made_from["intercept"]) == ("logistic", learned.intercept)
    with pytest.raises(InputError, match=r"^--mean rank: the weights were learned for a logistic regression; leave"):
        ensemble([run, second], data=data, weights=weights, mean="rank", out=tmp_path / "out.csv")


def test_a_logistic_regression_is_not_compared_with_ranks(run, second, sample, tmp_path):
    with pytest.raises(InputError, match=r"^--mean rank: --method logistic works on probabilities"):
        weigh([run, second], [str(sample / RATED)], tmp_path / "weights.json", method="logistic", mean="rank")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"mean": "logistic", "weights": [1.0, float("nan")], "intercept": 0.0},
            "weights has nan; it must be a finite number; make them anew with yt8m weigh",
        ),
        (
            {"mean": "logistic", "weights": [1.0, 2.0], "intercept": "none"},
            "intercept is 'none'; it must be a finite number; make them anew",
        ),
        ({"mean": "geometric", "weights": [True, False]}, "weights has True; it must be a finite number; make them"),
        (
            {"mean": "geometric", "weights": [1.0, 1e39]},
            r"weights has 1e\+39; it must be from -3.4e\+38 to 3.4e\+38; make",
        ),
        ({"mean": "geometric", "weights": [1.0, 10**400]}, r"is damaged \(it holds a number of 401 digits\); give one"),
        ({"mean": "geometric", "weights": [0, 0.0]}, "weights are all 0; make them anew with yt8m weigh"),
        ({"mean": "logistic", "weights": [0.0, 0.0]}, "weights are all 0; make them anew with yt8m weigh"),
        ({"mean": "rank", "weights": [2.0, -1.0]}, "weights are of the rank mean, and one is below 0; make them anew"),
        ({"mean": [], "weights": [1.0, 2.0]}, "holds no weights; make some with yt8m weigh"),
        ({"mean": "geometric", "weights": {"a": 1}}, "holds no weights; make some with yt8m weigh"),
        ({"mean": "harmonic", "weights": [1.0, 2.0]}, "holds no weights; make some with yt8m weigh"),
        ([1.0, 2.0], "holds no weights; make some with yt8m weigh"),
    ],
)
def test_files_of_weights_that_hold_none(run, rated, tmp_path, refused, values, message):
    weights = tmp_path / "weights.json"
    weights.write_text(json.dumps(values))
    refused([run, rated], f"^--weights {weights}: {message}", weights=weights)


def test_an_empty_name_is_no_file_of_weights(run, rated, refused):
    refused([run, rated], "^--weights is empty; give one number a member, or a file of yt8m weigh$", weights="")


def test_weights_of_a_logistic_regression_for_other_members(run, rated, tmp_path, refused):
    weights = tmp_path / "weights.json"
    weights.write_text(json.dumps({"mean": "logistic", "weights": [1.0, 2.0, 3.0], "intercept": 0.0}))
    refused(
        [run, rated], r"^--weights: 3 given, 2 needed; name the members that they were learned for", weights=weights
    )


def test_weights_are_not_learned_from_what_a_member_learned_from(run, second, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(Scorer, "scores", lambda *_, **__: pytest.fail("something is predicted"))
    learned = str(sample / "2/frame/train/train0001.tfrecord")
    with pytest.raises(
        InputError, match=f"^{run}: learned from records that .* \\({learned} is in both\\); name others"
    ):
        weigh([run, second], [str(sample / RATED), learned], tmp_path / "weights.json")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def lists(trained_once, sample, tmp_path_factory) -> dict[str, str]:
    """Submissions of the run, by task."""
    directory = tmp_path_factory.mktemp("lists")
    places = {"video": (FRAMES, directory / "videos.csv"), "segment": (RATED, directory / "segments.csv")}
    for records, out in places.values():
        predict(trained_once, [str(sample / records)], out)
    return {task: str(out) for task, (_, out) in places.items()}


def ranked(path) -> dict[int, list[tuple[bytes, int]]]:
    """The segments of each class of a submission, in their order."""
    rows = read_segment_submission(path, range(12))
    return {row.class_id: list(zip(row.ids.tolist(), row.starts.tolist(), strict=True)) for row in rows}


def test_a_list_of_a_run_and_the_run_agree(run, lists, sample, tmp_path):
    ensemble([lists["video"], run], tmp_path / "mean.csv", data=[str(sample / FRAMES)])
    expected = {row.video_id: row for row in read_video_submission(lists["video"], 12)}
    found = list(read_video_submission(tmp_path / "mean.csv", 12))
    assert [row.video_id for row in found] == list(expected)
    for row in found:
        of_list = dict(zip(expected[row.video_id].classes, expected[row.video_id].scores, strict=True))
        assert row.scores == pytest.approx([of_list[class_id] for class_id in row.classes], rel=2e-3)


def test_a_list_of_segments_beside_a_run_and_stored_predictions(run, rated, lists, sample, tmp_path):
    told = Messages()
    data = {"data": [str(sample / RATED)], "progress": told}
    done = ensemble([rated, lists["segment"], run], tmp_path / "mean.csv", mean="rank", **data)
    assert (done.task, done.num_videos) == ("segment", 13)
    expected = ranked(lists["segment"])
    for class_id, segments_of_class in ranked(tmp_path / "mean.csv").items():
        wanted = {segment: place for place, segment in enumerate(expected[class_id])}
        assert sorted(wanted) == sorted(segments_of_class)
        moved = [abs(wanted[segment] - place) for place, segment in enumerate(segments_of_class)]
        assert max(moved) <= 5, "but for what float16 does not tell apart, the members agree"
    assert told.lines == [
        f"{run}: predicting, kept in {next(Path(run, 'predictions').iterdir())}",
        f"{run}: 11 segments have fewer than five frames, as the last of a video or the only one; "
        "what there is of them is ranked",
    ]


@pytest.mark.parametrize("task", ["video", "segment"])
@pytest.mark.parametrize("mean", ["arithmetic", "geometric", "rank"])
def test_lists_alone_need_no_records(lists, tmp_path, task, mean):
    other = shutil.copy(lists[task], tmp_path / "other.csv")
    done = ensemble([lists[task], other], tmp_path / "mean.csv", mean=mean, stored=tmp_path / "stored")
    assert (done.task, done.num_videos) == (task, 13)
    if task == "video":
        before, after = (list(read_video_submission(path)) for path in (lists[task], tmp_path / "mean.csv"))
        assert [row.classes for row in after] == [row.classes for row in before]
    else:
        assert ranked(tmp_path / "mean.csv") == ranked(lists[task])
    ensemble([tmp_path / "stored"], tmp_path / "again.csv", mean="arithmetic")
    assert done.num_segments == StoredPredictions(tmp_path / "stored").num_rows or task == "video"


def test_weights_are_learned_for_lists_too(rated, lists, sample, tmp_path):
    worst = tmp_path / "worst.csv"
    rows = [line.split(",") for line in Path(lists["segment"]).read_text().splitlines()]
    worst.write_text("\n".join(f"{first},{' '.join(rest.split(' ')[::-1])}" for first, rest in rows) + "\n")
    members = [rated, lists["segment"], worst]
    learned = weigh(members, [str(sample / RATED)], tmp_path / "weights.json", mean="rank")
    assert learned.alone[1] == pytest.approx(learned.alone[0], abs=0.02)
    scores = [score(each, str(sample / RATED), 12)["segment_map"] for each in members[1:]]
    assert learned.alone[1:] == pytest.approx(scores, abs=1e-6)
    ensemble(members, tmp_path / "mean.csv", weights=tmp_path / "weights.json")


def test_lists_that_do_not_fit_are_refused_before_anything_is_predicted(run, rated, lists, sample, tmp_path, refused):
    class_id = next(iter(ranked(lists["segment"])))
    (tmp_path / "strange.csv").write_text(f"Class,Segments\n{class_id},zzzz:0\n")
    message = f"^{tmp_path}/strange.csv: has none of the videos of the first file that {run} is to predict, such as"
    refused([tmp_path / "strange.csv", run], message)
    refused([lists["video"], rated], f"^{rated}: is of the segment task, {lists['video']} of the video task")
    refused([lists["video"], run], "is a submission for the video task, and --task is segment", task="segment")
    (tmp_path / "notes.csv").write_text("a,b\n")
    refused([tmp_path / "notes.csv"], "notes.csv, line 1: the header is 'a,b'; it must be")
    refused([tmp_path / "nothing.csv"], "nothing.csv: is neither a run nor stored predictions nor a submission")
    refused([lists["segment"]], "--skip-last-segments 2: lists do not say how long videos are", skip_last_segments=2)
    copy = shutil.copy(lists["segment"], tmp_path / "copy.csv")
    refused([lists["segment"], copy], "copy.csv: is one of the files that are read", out=copy)
    refused([copy, copy], "copy.csv: is a member already")
    (tmp_path / "three.csv").write_text("Index\n1\n2\n3\n")
    refused(
        [copy], "copy.csv: ranks class .*, which the list of classes does not", segment_classes=tmp_path / "three.csv"
    )


@pytest.mark.parametrize("work", [ensemble, weigh])
def test_one_of_several_workers_makes_no_mean(work, tmp_path, monkeypatch):
    """Each would make all of it, in the same place."""
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(InputError, match=r"^TF_CONFIG names 2 workers: .* yt8m predict --store") as caught:
        work(["a.csv", "b.csv"], data=["records"], out=tmp_path / "out")
    assert "\n" not in str(caught.value)
    monkeypatch.delenv("TF_CONFIG")
    with pytest.raises(InputError, match=r"^--distribute.strategy multiworker: .* yt8m predict --store"):
        work(
            ["a.csv", "b.csv"],
            data=["records"],
            out=tmp_path / "out",
            distribute=DistributeConfig(strategy="multiworker"),
        )
