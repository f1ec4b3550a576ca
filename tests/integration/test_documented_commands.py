"""The blocks of README.md and docs/, run as they are printed, line by line and in order, on sample data made small.

What is done otherwise is in the tables below: flags that make a line quick, paths that stand for the sample, and what cannot run
here, with the reason. A new block runs with no entry, or fails. What a page takes for granted is with the page's test.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from fenced import BLOCKS, README, REPOSITORY, words_of
from misbehaving_server import make_files, serve

from yt8m.data.pipeline import read_records
from yt8m.data.records import framed, video_level_record
from yt8m.data.tools import synthetic
from yt8m.diagnosing import profiling, sanity
from yt8m.download import addresses, downloading
from yt8m.progress import SILENT

QUICK_TRAINING = [
    *("--training.num-steps", "2", "--training.validate-every-steps", "2", "--training.checkpoint-every-steps", "2"),
    *("--training.batch-size", "8", "--data.max-frames", "150"),
]
THREE_CHECKPOINTS = [
    *("--training.num-steps", "3", "--training.validate-every-steps", "1", "--training.checkpoint-every-steps", "1"),
    *("--training.keep-checkpoints", "3"),
]
"""For a run that a page averages."""
SMALL_CLUSTERS = [
    *("--model.num-clusters", "4", "--model.hidden-size", "16", "--data.num-frames", "8"),
    *("--model.head", "logistic", "--model.no-context-gating"),
]
SMALLER = {
    "synth": ["--num-videos", "60", "--num-shards", "2"],
    **{command: QUICK_TRAINING for command in ("pretrain", "train", "submit")},
    **{command: ["--training.batch-size", "8"] for command in ("check", "profile")},
    "tune": ["--trials", "2", "--jobs", "1", *QUICK_TRAINING],
}
"""Flags that a command gets beside its own: the same work, less of it."""
SMALL_VIDEOS = ["--num-videos", "2"]
"""Those of `synth`, if it makes video files."""
OF_CLUSTERS = ("sample", "netvlad", "nextvlad")
"""Recipes whose models are made small, too."""

STANDS_FOR = {
    "/data/yt8m": "data/sample",
    "DATA": "data/sample",
    "TRAINING-RECORDS": "data/sample/2/frame/train",
    "/tmp/mediapipe": "mediapipe",
}
"""Places that the pages name, and what stands for them."""

HELD = {
    "make test": "these are the tests",
    "make data": "the sample is there",
    "git clone ": "this is the checkout",
    "cd yt8m": "as before",
    ". .venv/bin/activate": "commands run in this process",
    "yt8m train netrvlad": "tests/recipes/ and tests/models/ have every recipe; a walk's test has another run",
    "yt8m train netfv": "as before",
    "pip install 'yt8m[": "a test below has the extras",
    "srun ": "there is no Slurm; tests/distribution/test_cluster.py has its variables",
    "yt8m train netvlad --data.root gs://bucket/yt8m": "there is no TPU (docs/tpu.md), nor such a bucket",
    "yt8m train netvlad --data.root data/yt8m": "takes hours; tests/training/test_time_limit.py ends in time",
    "yt8m train moe --data.root data/yt8m --folds": "tests/cross_validation/ trains folds",
    "yt8m train netvlad --training.initial-run runs/videos": "tests/training/test_layer_groups.py freezes layers",
    "yt8m tune residual_mlp": "takes half an hour; tests/tuning/test_space.py reads the file",
    "yt8m data-service": "serves until it is stopped, as tests/integration/test_data_service.py does",
    "yt8m train netvlad --data.service": "needs that service; tests/integration/test_data_service.py trains from one",
    "yt8m launch": "tests/distribution/test_launching.py launches two workers",
}
"""Lines that do not run here, by how they begin, and why; tests/documents/test_command_lines.py reads all of them."""
PARTITIONS = ("2/frame/train", "2/video/train", "2/frame/validate", "3/frame/validate")
"""Those that the pages fetch."""
FOLLOWED_ELSEWHERE = {
    "clusters.md": "tests/cluster/test_documented_pipeline.py",
    "browsing.md": "tests/integration/test_own_videos.py",
    "own-videos.md": "tests/integration/test_own_videos.py",
    "adding-a-model.md": "tests/documents/test_adding_a_model.py",
    "researching.md": "tests/documents/test_adding_a_model.py",
    "extending.md": "tests/documents/test_extending.py",
    "networks.md": "tests/extracting/networks/test_documented_networks.py",
    "python.md": "tests/scoring/test_evaluation.py",
    "reading.md": "tests/data/test_reading_examples.py",
}
SHOWN = ("", "dockerfile", "yaml")
"""Languages of blocks that are no commands: output, a layout, a file."""


def held(line: str) -> bool:
    return any(line.startswith(beginning) for beginning in HELD)


class Reader:
    """Does what pages say.

    Args:
        run: runs a command of ours.
        kept: where runs that pages take for granted are kept for the next page.
    """

    def __init__(self, run: Callable, kept: Path):
        self._run, self._kept = run, kept
        batch = next(iter(read_records("data/sample/3/frame/validate", num_classes=60)))
        self._names = STANDS_FOR | {"INu4": batch["id"][0].numpy().decode()}
        self._num_made = 0

    def command(self, line: str) -> None:
        """Runs a line of a shell."""
        if line.startswith(("cat >", "echo ")):
            subprocess.run(line, shell=True, check=True)
        elif line.startswith("make "):
            self._make(line)
        else:
            for part in line.split(" && "):
                self.ours(*words_of(part))

    def ours(self, *words: str, flags: Sequence[str] = ()) -> None:
        """Runs a command of ours, smaller, with what a page leaves to its reader, and flags beside."""
        words = [self._here(word, words[1]) for word in words if word != "..."]
        assert words[0] == "yt8m", words
        command, recipe = words[1], next(iter(words[2:]), "")
        extra = list(SMALL_VIDEOS if command == "synth" and "--as" in words else SMALLER.get(command, ()))
        if recipe in OF_CLUSTERS and command in ("train", "submit", "tune", "check"):
            extra += SMALL_CLUSTERS
        if command == "train" and "--run" not in words:
            self._num_made += 1
            extra += ["--run", f"runs/made-{self._num_made}"]
        if command == "train" and not {"--data.root", "--data.train"} & {*words}:
            extra += ["--data.root", "data/sample"]
        outcome = self._run(*words[1:], *extra, *flags)
        assert outcome.status == 0, f"{' '.join(words)}: {outcome.err}"

    def _make(self, line: str) -> None:
        ended = subprocess.run(f"make --dry-run {line[5:]}", shell=True, capture_output=True, text=True, check=True)
        lines = [words_of(each.strip()) for each in ended.stdout.splitlines() if ".venv/bin/yt8m " in each]
        assert lines, line
        for each in lines:
            if each[1] != "synth":  # the sample is there
                self.ours("yt8m", *each[1:])

    def _here(self, word: str, command: str) -> str:
        if word == "DIR":
            self._num_made += 1
            return f"DIR-{self._num_made}"
        for name, path in self._names.items():
            place = "downloaded" if (name, command) == ("/data/yt8m", "download") else path
            word = re.sub(rf"^{re.escape(name)}(?=/|@|$)", place, word)
        return word

    def follow(self, page: str, before: dict[str, Callable[[], None]] | None = None) -> None:
        """Runs all blocks of a page.

        Args:
            page: the name of its file.
            before: what must be done before a line, or a block of Python, that begins so.
        """
        before = dict(before or {})

        def prepare(text: str) -> None:
            for beginning in [beginning for beginning in before if text.startswith(beginning)]:
                before.pop(beginning)()

        for block in (block for block in BLOCKS if block.page == page and block.language not in SHOWN):
            if block.language == "python":
                prepare(block.text)
                exec(compile(block.text, str(block), "exec"), {})
                continue
            assert block.language == "sh", block
            for line in block.commands():
                if not held(line):
                    prepare(line)
                    self.command(line)
        assert not before, "no line begins so"

    def trained(self, recipe: str, first: str, *others: str, flags: Sequence[str] = ()) -> Callable[[], None]:
        """Trains a run that a page takes for granted, once for all pages; the others are copies."""
        kept = self._kept / " ".join([recipe, *flags])

        def train():
            if not kept.exists():
                self.ours("yt8m", "train", recipe, "--data.root", "data/sample", "--run", first, flags=flags)
                shutil.move(first, kept)
            copied(str(kept), first, *others)()

        return train


def copied(source: str, *places: str) -> Callable[[], None]:
    """Copies what others on a page are alike."""

    def copy():
        for place in places:
            shutil.copytree(source, place)

    return copy


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The small sample."""
    directory = tmp_path_factory.mktemp("made") / "sample"
    synthetic.synthesise(directory, num_videos=60, num_shards=2)
    return directory


@pytest.fixture
def servers(monkeypatch, tmp_path):
    """A stand-in for the data set's servers."""
    names = tuple(f"train{first}{second}" for first in "abcd" for second in "abcdefghijklmnopqrstuvwxyzABCDEFG")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = [make_files(100, names, partition) for partition in PARTITIONS]
    with serve({path: content for each in files for path, content in each.items()}) as served:
        for module in (downloading, addresses):
            monkeypatch.setattr(module, "official_site", lambda mirror: downloading.own_site(served.url))
        yield served


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def reader(tmp_path, monkeypatch, made, kept, servers, kaggle, yt8m, _preloaded, _plain_graphs) -> Reader:
    """In a directory of its own, with the sample, the Makefile, and stand-ins for what is on the internet."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, "data/sample")
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt", "setup-environment.sh"):
        shutil.copy(REPOSITORY / name, tmp_path)
    kaggle.pending_lists = 0
    # tests/diagnosing has the figures of both; here they need only come.
    for module, name, value in (
        (profiling, "NUM_ROUNDS", 1),
        (profiling, "WINDOW_SECONDS", 0.01),
        (sanity, "RATE_SECONDS", 0.1),
        (sanity, "OVERFIT_SECONDS", 0.1),
    ):
        monkeypatch.setattr(module, name, value)
    return Reader(yt8m, kept)


@pytest.mark.slow
def test_the_readme(reader, kaggle):
    reader.follow("README.md")
    assert len(kaggle.submissions) == 1
    assert len(list(Path("downloaded/2/frame/train").iterdir())) > 0
    for path in ("submissions/sample.csv", "submissions/moe.csv", "submissions/mine.csv", "report.html", "video.png"):
        assert Path(path).stat().st_size > 0
    assert Path("runs/tuned/study.db").exists()
    assert Path("exports/mine/saved_model.pb").exists()


@pytest.mark.slow
def test_data_views(reader):
    def records_of_2017():
        Path("video_2017").mkdir()
        means = {"rgb": np.ones(1024, np.float32), "audio": np.ones(128, np.float32)}
        record = tf.train.Example.FromString(video_level_record("abcd", [3], means))
        features = record.features.feature
        features["video_id"].CopyFrom(features["id"])
        del features["id"]
        Path("video_2017/train0000.tfrecord").write_bytes(framed(record.SerializeToString()))

    def arrays():
        for name, size in (("rgb", 1024), ("audio", 128), ("clip", 512)):
            Path("features", name).mkdir(parents=True)
            np.save(Path("features", name, "abcd.npy"), np.ones((20, size), np.float32))
        Path("labels.csv").write_text("id,labels\nabcd,3 7\n")

    def made_npz():
        Path("DIR/train0000").mkdir(parents=True, exist_ok=True)
        shutil.copy(next(Path().glob("DIR-*/*/*.npz")), "DIR/train0000/VIDEO.npz")

    reader.follow(
        "data-views.md",
        {
            "import numpy\n\nwith numpy.load": made_npz,
            "yt8m convert features --labels labels.csv --out DIR/train": arrays,
            "yt8m convert DATA/2/frame/train --to video": lambda: shutil.rmtree("data/sample/2/video/train"),
            "yt8m convert 'video_2017": records_of_2017,
            "import numpy\nimport pyarrow": lambda: shutil.copy(
                next(Path().glob("DIR-*/*.parquet")), "train0000.parquet"
            ),
            "yt8m show": reader.trained("sample", "runs/sample"),
        },
    )


@pytest.mark.slow
def test_calibration(reader):
    reader.follow("calibration.md", {"yt8m calibrate": reader.trained("sample", "runs/sample")})


@pytest.mark.slow
def test_download(reader):
    def submission():
        Path("submissions").mkdir()
        Path("submissions/sample.csv").write_text("VideoId,LabelConfidencePairs\nXE00,3 0.5\n")

    reader.follow("download.md", {"yt8m id --submission": submission})


@pytest.mark.slow
def test_videos(reader):
    reader.follow("videos.md")


@pytest.mark.slow
def test_extracting(reader):
    reader.follow("extracting.md")


@pytest.mark.slow
def test_search(reader):
    reader.follow("search.md")


@pytest.mark.slow
def test_clips(reader):
    reader.follow("clips.md")


@pytest.mark.slow
def test_labelling(reader):
    reader.follow("labelling.md", {"yt8m label": reader.trained("sample", "runs/sample")})


@pytest.mark.slow
def test_exporting(reader):
    reader.follow(
        "exporting.md",
        {
            "yt8m export --run runs/sample --format saved-model": reader.trained(
                "sample", "runs/sample", "runs/segments"
            ),
            "yt8m unpack model.tgz": lambda: shutil.copy("exports/sample.tgz", "model.tgz"),
        },
    )


@pytest.mark.thorough
def test_runs(reader):
    def run():
        Path("runs/sample/best").mkdir(parents=True)
        Path("runs/sample/config.json").write_text('{"recipe": "sample"}')

    reader.follow("runs.md", {"yt8m runs": run})
    assert Path("runs/sample/note.txt").read_text() == "with twice the clusters\n"


def test_blending(reader):
    def submissions():
        Path("submissions").mkdir()
        for name, score in (("a", 0.5), ("b", 0.25)):
            rows = f"VideoId,LabelConfidencePairs\nXE00,3 {score} 4 0.125\n"
            Path(f"submissions/{name}.csv").write_text(rows)

    reader.follow("blending.md", {"yt8m compare": submissions})
    assert "XE00,3 0.420448" in Path("submissions/weighted.csv").read_text()  # .5 ** .75 * .25 ** .25


@pytest.mark.slow
def test_json(reader):
    reader.follow("json.md", {"yt8m evaluate": reader.trained("sample", "runs/sample")})


@pytest.mark.slow
def test_competing(reader):
    """With one run in the place of three; the mean of its predictions has its best classes."""
    run = reader.trained("sample", "runs/netvlad", "runs/netrvlad", "runs/netfv")
    reader.follow("competing.md", {"yt8m train sample": run})
    best, of_blend = (
        [line.split(" ")[0] for line in Path(f"submissions/{name}.csv").read_text().splitlines()]
        for name in ("netfv", "blend")
    )
    assert len(best) > 10
    assert best == of_blend


@pytest.mark.slow
def test_leaderboard(reader):
    reader.follow("leaderboard.md")
    reader.follow("models.md")


@pytest.mark.slow
def test_pretraining(reader):
    reader.follow("pretraining.md")


@pytest.mark.slow
def test_reports(reader):
    reader.follow("reports.md", {"yt8m report": reader.trained("sample", "runs/netvlad", "runs/moe", "runs/logistic")})


@pytest.mark.slow
def test_scaling(reader):
    reader.follow("scaling.md")


@pytest.mark.slow
def test_segments(reader):
    def copy_to_the_other_folds():
        for fold in range(1, 5):
            shutil.copytree("runs/fold-0", f"runs/fold-{fold}")
            config = Path(f"runs/fold-{fold}/config.json")
            config.write_text(config.read_text().replace('"0/5"', f'"{fold}/5"'))

    reader.follow(
        "segments.md",
        {
            "yt8m predict --run runs/fold-0 runs/fold-1": copy_to_the_other_folds,
            "yt8m weigh": copied("predictions/a", "predictions/b"),
            "yt8m predict --run runs/a": copied("runs/fold-0", "runs/a", "runs/b"),
            "yt8m ensemble test/a test/b": copied("test/a", "test/b"),
        },
    )


@pytest.mark.slow
def test_training(reader):
    reader.follow(
        "training.md",
        {
            "yt8m average runs/mine --last": reader.trained(
                *("netvlad", "runs/mine", "runs/a", "runs/b", "runs/netvlad"), flags=THREE_CHECKPOINTS
            ),
        },
    )


@pytest.mark.slow
def test_tuning(reader):
    reader.follow("tuning.md")


@pytest.mark.slow
def test_uploading(reader, kaggle):
    def make_a_submission():
        Path("submissions").mkdir()
        Path("submissions/segments.csv").write_text("Class,Segments\n3,ab12:0 cd34:295\n7,ab12:5\n")

    reader.follow("uploading.md", {"yt8m upload": make_a_submission})
    assert len(kaggle.submissions) == 2


def test_every_page_with_blocks_to_run_is_followed():
    pages = {block.page for block in BLOCKS if block.language not in SHOWN} - {*FOLLOWED_ELSEWHERE}
    followed = set(re.findall(r'reader\.follow\(\s*"([\w.-]+)"', Path(__file__).read_text()))
    assert followed == pages
    assert all((REPOSITORY / path).is_file() for path in FOLLOWED_ELSEWHERE.values())


def test_what_is_held_back_is_there_and_what_runs_in_its_place_too():
    lines = [line for block in BLOCKS if block.language == "sh" for line in block.commands()]
    for beginning, reason in HELD.items():
        assert any(line.startswith(beginning) for line in lines), beginning
        assert all((REPOSITORY / path).is_file() for path in re.findall(r"[\w/]+/\w+\.(?:py|md)", reason))


def test_the_languages_of_blocks_are_known():
    assert {block.language for block in BLOCKS} == {"sh", "python", *SHOWN}


def test_extras_that_pages_install_are_there():
    extras = {extra for block in BLOCKS for extra in re.findall(r"yt8m\[(\w+)\]", block.text)}
    listed = (REPOSITORY / "setup.cfg").read_text().partition("[options.extras_require]")[2].partition("\n[")[0]
    assert extras
    assert extras <= set(re.findall(r"^(\w+) =", listed, re.MULTILINE))


def test_the_video_that_pages_show_is_in_the_sample():
    """`yt8m synth data/sample` makes 2000 videos to train on, and then 400 to validate."""
    maker = synthetic._Sample(
        Path("sample"), Path("hidden"), 60, 8, 0, {"train": 2000, "validate": 400, "test": 400}, SILENT
    )
    numbers = maker._random(synthetic._IDS).choice(62**4, size=2800, replace=False)
    assert "INu4" in {synthetic._video_id(number) for number in numbers[2000:2400]}
    assert "INu4" in README.read_text()
