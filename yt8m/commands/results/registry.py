"""The objects of `--json` by command."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from yt8m.commands import COMMANDS

_HERE = "yt8m.commands.results"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Form:
    """An object that a command prints."""

    place: str
    """MODULE:NAME of the type, which is imported on use; without a module, one of this package's."""
    when: str = ""
    """When the command prints it, as the end of a sentence; empty = always."""

    @property
    def type(self) -> Any:
        module, _, name = self.place.rpartition(":")
        return getattr(importlib.import_module(f"{_HERE}.{module}" if "." not in module else module), name)


_METRICS = (Form("values:Metrics"),)

RESULTS: dict[str, tuple[Form, ...]] = {
    "download": (
        Form("records:DownloadedFiles"),
        Form("records:DownloadPlan", "with --dry-run"),
        Form("records:ExtractorFiles", "for extractor"),
        Form("records:ExtractorPlan", "for extractor with --dry-run"),
    ),
    "synth": (Form("records:SyntheticRecords"), Form("records:MadeVideos", "with --as videos or films")),
    "inspect": (
        Form("records:InspectedRecords"),
        Form("records:InspectedDirectories", "for a directory with several below that hold records"),
    ),
    "show": (Form("videos:ShownVideo"),),
    "convert": (Form("yt8m.conversion.converting:Converted"),),
    "split": (Form("yt8m.data.tools.splitting:Split"),),
    "id": (Form("videos:FoundAddresses"),),
    "search": (
        Form("videos:Found"),
        Form("videos:ChangedIndex", "with --add or --remove"),
        Form("videos:ChangedIndexAndFound", "with both"),
    ),
    "extract": (
        Form("yt8m.extracting.extraction:ExtractionSummary"),
        Form("yt8m.extracting.fitting:PcaSummary", "with --fit-pca"),
    ),
    "recipes": (
        Form("values:Recipes"),
        Form("yt8m.config:RunConfig", "for one recipe without --data"),
    ),
    "models": (Form("values:Summaries"), Form("values:OneModel", "for one model")),
    "check": (Form("values:Checked"),),
    "profile": (Form("values:Profiled"),),
    "pretrain": (Form("yt8m.training.loop:TrainingResult"),),
    "train": (Form("yt8m.training.loop:TrainingResult"), Form("values:CrossValidated", "with --folds")),
    "fit": (Form("yt8m.training.fitting:Fit"),),
    "tune": (Form("values:TunedStudy"),),
    "runs": (Form("values:Runs"),),
    "note": (Form("values:Noted"),),
    "clean": (Form("values:CleanedRuns"),),
    "average": (Form("yt8m.training.averaging:Average"),),
    "evaluate": _METRICS,
    "report": (Form("values:Reported"),),
    "calibrate": (Form("yt8m.scoring.calibrating:Calibrated"),),
    "predict": (Form("yt8m.predicting.prediction:Prediction"),),
    "ensemble": (Form("yt8m.predicting.ensembling:Ensembled"),),
    "weigh": (
        Form("yt8m.predicting.weighting:Weights"),
        Form("values:WeighedRun", "with --run"),
        Form("yt8m.predicting.stacking:Stack", "with --method logistic"),
        Form("values:StackedRun", "with --run and --method logistic"),
        Form("yt8m.predicting.reranked:NetworkStack", "with --method network"),
        Form("values:NetworkRun", "with --run and --method network"),
    ),
    "compare": (Form("values:ComparedSubmissions"),),
    "label": (Form("videos:LabelledVideos"),),
    "clips": (Form("videos:DividedVideos"),),
    "browse": (Form("videos:BrowsePage"),),
    "validate": (Form("yt8m.submission.validation:Validation"),),
    "score": _METRICS,
    "submit": (Form("values:Submitted"),),
    "upload": (Form("values:UploadedSubmission"),),
    "export": (Form("yt8m.exporting.exporting:Exported"),),
    "unpack": (Form("yt8m.exporting.archives:Unpacked"),),
    "data-service": (Form("values:Service"),),
}
"""The objects of each command, the usual one first. Without a word on when, a command prints the first."""

WITHOUT_RESULT = {
    "launch": "The command that it starts prints its own object.",
    "completion": "It prints a script.",
}
"""Commands without `--json`, and why."""


def json_schema(command: str | None = None) -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of what a command prints with `--json`.

    This loads TensorFlow, as the types of results stand beside the work.

    Args:
        command: a command of `RESULTS`; None = all of them, in `$defs` under the names of the commands. A command of several
            forms has a schema of `anyOf`.

    Raises:
        KeyError: the command prints no object.
    """
    from yt8m.commands.results.schema import Definitions

    definitions = Definitions()
    if command is not None:
        schema = _one_of(command, definitions)
        return {"$schema": DIALECT, "title": f"yt8m {command} --json", **schema, "$defs": definitions}
    commands = {f"yt8m {name}": _one_of(name, definitions) for name in _in_order()}
    return {"$schema": DIALECT, "title": "yt8m --json", "$defs": commands | definitions}


def _in_order() -> Iterator[str]:
    return (name for name in COMMANDS if name in RESULTS)


def _one_of(command: str, definitions: Any) -> dict[str, Any]:
    from yt8m.commands.results.schema import schema_of

    forms = [schema_of(form.type, definitions) for form in RESULTS[command]]
    return forms[0] if len(forms) == 1 else {"anyOf": forms}
