"""The objects of `--json` that are not the result of a function as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from yt8m.diagnosing.bottleneck import Advice, Bound
from yt8m.diagnosing.sanity import Finding
from yt8m.predicting.prediction import Prediction
from yt8m.predicting.reranked import NetworkStack
from yt8m.predicting.stacking import Stack
from yt8m.predicting.weighting import Weights
from yt8m.runs.cleaning import Cleaned
from yt8m.runs.listing import RunSummary
from yt8m.training.course import Outcome
from yt8m.training.expectations import Expectation
from yt8m.training.loop import TrainingResult

Metrics = dict[str, float]
Summaries = Mapping[str, str]
"""A line about each, by name."""


class Recipes(TypedDict):
    """What recipes will do."""

    recipes: Sequence[Expectation]


class OneModel(TypedDict):
    """A model, by arithmetic."""

    name: str
    hyperparameters: Mapping[str, Any]
    """Their defaults, by name."""
    num_parameters: int
    """All weights, with moving statistics."""
    num_classes: int
    """The number of classes that they were counted for."""


class Checked(TypedDict):
    """What a configuration was tried for."""

    findings: Sequence[Finding]


class Stage(TypedDict, total=False):
    """The time of one part of a training step, measured alone."""

    videos_per_second: float
    """Without rated segments."""
    segments_per_second: float
    """Of rated segments."""
    milliseconds_a_step: float
    """The median."""
    least_milliseconds: float
    most_milliseconds: float
    share: float
    """The share of the loop's time; parts overlap."""


class OperationsPerSecond(TypedDict):
    """Multiplications and additions a second, by precision."""

    float32: float
    bfloat16: float


class Profiled(TypedDict):
    """Where the time of training goes."""

    recipe: str
    batch_size: int
    devices: Sequence[str]
    """Devices that compute, such as `GPU:0`."""
    stages: Mapping[str, Stage]
    """By part: read, input, transfer, compute, and loop, which is all together."""
    compile_seconds: float
    """Extra seconds of the first step over later ones."""
    first_batch_seconds: float
    """Seconds until the first batch was ready."""
    operations_per_second: OperationsPerSecond | None
    """Of a product of matrices on the processor; on other devices null."""
    bound_by: Bound
    """What the loop waits for."""
    plausible: bool
    """False if the machine was busier while parts were measured."""
    advice: Sequence[Advice]
    trace: str | None
    """The directory of the trace, if one was asked for."""


class FoldResult(TypedDict):
    """A run of a cross-validation."""

    run: str
    step: int
    best: Metrics | None
    """The metrics on the videos that it left out."""


class CrossValidated(TypedDict):
    """How a cross-validation ended."""

    run: str
    """The directory of all folds."""
    num_folds: int
    outcome: Outcome
    folds: Sequence[FoldResult]
    mean: float | None
    """The mean of the folds' best scores; null with fewer than two folds."""
    standard_deviation: float | None
    out_of_fold: Metrics | None
    """The metrics of all training records, each predicted by the fold that did not learn from it."""
    ensemble: Metrics | None
    """The metrics of the mean of all folds on the validation records."""
    ensemble_data: Sequence[str]
    """The validation records."""


class Submitted(TypedDict):
    """A training with its submission."""

    trained: TrainingResult
    predicted: Prediction
    validated: Metrics


class TunedTrial(TypedDict):
    """A trial of a study."""

    number: int
    state: str
    score: float | None
    """The best score."""
    step: int
    """The step of the newest score; 0 before the first."""
    values: Mapping[str, Any]
    """By flag of the space."""
    reason: str | None
    """The reason of a failure."""


class TunedStudy(TypedDict):
    """A study."""

    directory: str
    metric: str
    """The key of the metric that trials are compared by."""
    interrupted: bool
    best: int | None
    """The number of the best trial."""
    command: str | None
    """A command that trains with the best values."""
    report: str | None
    """The picture of the study."""
    trials: Sequence[TunedTrial]


class Runs(TypedDict):
    """A table of runs."""

    runs: Sequence[RunSummary]


class Noted(TypedDict):
    """A run's note."""

    run: str
    note: str
    """Empty without a note."""


class CleanedRuns(TypedDict):
    """What was removed of runs, or would be."""

    runs: Sequence[Cleaned]
    num_bytes: int
    """Bytes removed in all."""
    dry_run: bool
    """Whether nothing was removed."""


class ReportedRun(TypedDict):
    """A run on the page."""

    run: str
    metrics: Metrics


class Reported(TypedDict):
    """A page about runs."""

    path: str
    runs: Sequence[ReportedRun]


class UploadedSubmission(TypedDict):
    """A submission at Kaggle."""

    submission: int | None
    """Kaggle's number of the submission; null if it gave none."""
    status: str
    public_score: str | None
    """As Kaggle writes it; null before there is one."""
    private_score: str | None
    address: str


class ComparedPair(TypedDict):
    """How far two submissions agree; correlations are Spearman's, null where there is none."""

    first: str
    second: str
    num_videos: int
    """Videos in both."""
    only_first: int
    """Videos in the first alone, which take no part."""
    only_second: int
    overlap: float | None
    """The share of the 20 best entries that both have: the mean over videos, or over the classes of segments."""
    same_best: float | None
    """The share of videos with the same best class, or of classes with the same best segment."""
    rank_correlation: float | None
    """Over all entries."""
    rank_correlation_by_class: float | None
    """The mean over the classes."""
    rank_correlation_by_video: float | None
    """The mean over the videos."""
    num_classes: int
    """Classes that both have."""
    classes: Sequence["ComparedClass"]
    """The 20 classes that differ most."""
    videos: Sequence["ComparedVideo"]
    """The 20 videos that differ most."""


class ComparedClass(TypedDict):
    """A class in two submissions."""

    class_id: int
    num_entries: int
    """Entries of either."""
    rank_correlation: float | None
    overlap: float
    """The share of entries that both have."""


class _ComparedEntries(TypedDict):
    id: str
    num_entries: int
    rank_correlation: float | None
    overlap: float


class ComparedVideo(_ComparedEntries, total=False):
    """A video in two submissions."""

    best_first: int
    """The best class of the first submission, in the video task."""
    best_second: int


class ComparedSubmissions(TypedDict):
    """Each two of the submissions."""

    task: Literal["video", "segment"]
    pairs: Sequence[ComparedPair]


@dataclass(frozen=True)
class WeighedRun(Weights):
    """Learned weights, and the run that was made of them."""

    run: str
    """The run directory of the ensemble."""


@dataclass(frozen=True)
class StackedRun(Stack):
    """A logistic regression of logits, and the run that was made of it."""

    run: str
    """The run directory of the ensemble."""


@dataclass(frozen=True)
class NetworkRun(NetworkStack):
    """A network that scores the best candidates once more, and the run that was made of it."""

    run: str
    """The run directory of the ensemble."""


class Service(TypedDict):
    """A data service that runs until it is stopped."""

    dispatcher: str
    """HOST:PORT, for `--data.service`."""
    workers: Sequence[str]
